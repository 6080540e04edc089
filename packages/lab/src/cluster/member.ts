import type { NodeLife } from '@ninelives/history'
import type { Message } from '../supervise/child.ts'
import type { RunState } from '../supervise/process-table.ts'

/** What a fault does to a process. The lab's own are held by a Keeper. */
export interface MemberKeeper {
  /** False if there is no process. */
  signal(signal: NodeJS.Signals): boolean
  /** Whether the process answered in time with a message of the type `answer` and the same `id`. */
  call(message: Message, answer: string, withinMs: number): Promise<boolean>
  /** Resolves when the process is ready; at once if it is. */
  start(): Promise<void>
}

/** A process that a fault can fall on as a whole: a node, or the store. */
export interface Member {
  readonly name: string
  /** Another one in each life. */
  readonly pid: number | undefined
  readonly life: NodeLife
  readonly keeper: MemberKeeper
  /** Checks whether the process runs, and reports a change, so that a signal from elsewhere is noticed too. */
  observe(): Promise<RunState>
  /** Whether the process that had this pid is seen to be gone. */
  isGone(pid: number): Promise<boolean>
}

export interface NodeMember extends Member {
  readonly url: string
  /** Whether `/readyz` says that it drains. */
  isDraining(): Promise<boolean>
  /** Whether that process of it has ended, and all that it wrote was read. */
  hasEnded(pid: number): Promise<boolean>
  /** Whether it answers at all, within a short time. */
  answers(): Promise<boolean>
}
