import type { ReplicatedChange } from '../wire/messages.ts'

/** What a change comes to for who began it, told once. */
export type ChangeOutcome =
  | { readonly end: 'committed'; readonly copies: number }
  | { readonly end: 'outranked' | 'unknown' }

/** A change that this peer drives: one of its own, or one that it found pending. */
export interface DrivenChange {
  readonly id: number
  readonly change: ReplicatedChange
  /** Of those that are asked in the present view, who has it. */
  acked: number
  sentAtMs: number
  /** Who waits for it in front of a reader. */
  askers: number
  /** Another peer drives it on as well, so that it may be committed without this one's knowing. */
  isShared: boolean
  readonly end: ((end: ChangeOutcome) => void) | undefined
}
