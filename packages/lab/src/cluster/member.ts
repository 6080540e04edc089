import type { NodeLife } from '@ninelives/history'
import type { Keeper } from '../supervise/keeper.ts'
import type { RunState } from '../supervise/process-table.ts'

/** A process that a fault can fall on as a whole: a node, or the store. */
export interface Member {
  readonly name: string
  readonly pid: number | undefined
  readonly life: NodeLife
  readonly keeper: Keeper
  /** Checks whether the process runs, and reports a change, so that a signal from elsewhere is noticed too. */
  observe(): Promise<RunState>
}
