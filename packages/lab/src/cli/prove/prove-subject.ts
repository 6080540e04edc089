import type { InterleavingName } from '@ninelives/history'
import type { Breaker } from '../../campaign/campaign.ts'
import type { Schedule } from '../../campaign/schedule.ts'
import type { Keeper } from '../../supervise/keeper.ts'
import type { Trace } from '../../trace/trace.ts'

/** What `prove` breaks: a cluster that the lab starts, or the user's own system. */
export interface Subject {
  readonly trace: Trace
  readonly breaker: Breaker
  readonly schedule?: Schedule
  readonly users: Keeper | undefined
  /** Resolves when the users are active, to the system's URL. Rejects with LabError. */
  start(): Promise<string>
  /** Resolves when every user has looked for the last time. */
  lastLook(): Promise<void>
  /** `cutShort`: why the run did less than was planned. */
  stop(reason: string, cutShort?: string): Promise<void>
  /** Kills every process at once. */
  kill(): Promise<void>
}

/** A subject that can be opened, and the faults for it. */
export interface Plan {
  /** The first lines of the output. */
  readonly announcement: string
  readonly kinds: readonly string[]
  /** The fault that makes it happen; undefined where none does. */
  recipe(name: InterleavingName): string | undefined
  open(signal: AbortSignal): Promise<Subject>
}

export interface PlanBasis {
  readonly seed: number
  readonly run: string
  readonly directory: string
}
