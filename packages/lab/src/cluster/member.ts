import type { NodeLife } from '@ninelives/history'
import type { Keeper } from '../supervise/keeper.ts'
import type { RunState } from '../supervise/process-table.ts'

/** A process of the cluster that can be broken as a whole: a node, or the store. */
export interface Member {
  readonly name: string
  readonly pid: number | undefined
  readonly life: NodeLife
  readonly keeper: Keeper
  /** Looks whether the process runs, and tells when that changed, whoever sent the signal. */
  observe(): Promise<RunState>
}
