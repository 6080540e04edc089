import type { ReplicatedChange } from '../wire/messages.ts'

/** How a change ends for its caller; reported once. `outranked`: see verbs.ts. */
export type ChangeOutcome =
  | { readonly end: 'committed'; readonly copies: number }
  | { readonly end: 'outranked' | 'unknown' }

/** A change that this peer coordinates: its own, or a pending one whose coordinator is gone or slow. */
export interface DrivenChange {
  /** Travels in `invalidate` as `op`, and comes back in the answer. */
  readonly id: number
  readonly change: ReplicatedChange
  /** The view in which `acked` was collected. */
  view: number
  /** The ranks that have acknowledged the change in that view. */
  acked: number
  /** When it was first sent in that view: an acknowledgement may answer that message, so no lease counts from a later one. */
  sentFirstAtMs: number
  sentAtMs: number
  /** How long after `sentAtMs` it is sent again: twice as long each time, since the replica may only be slow. */
  resendMs: number
  /** The ranks where a reader waits for it: they are told at once. */
  askers: number
  /** Another peer drives it too, and may commit it before this peer knows. */
  isShared: boolean
  readonly end: ((outcome: ChangeOutcome) => void) | undefined
}
