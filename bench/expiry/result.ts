/** What a run found, as it is in result.json. */
import type { Environment } from '../harness/environment.ts'

export const EXPIRY_SCHEMA = 1

/** Of requests one after the other, each from the instant at which it was due to its answer. */
export interface Lateness {
  readonly requests: number
  readonly longestMs: number
}

export interface ExpiryRound {
  /** From the instant at which all are due until none is left. */
  readonly purgeMs: number
  /** More than none if the deletion was given up. */
  readonly left: number
  readonly beside: Lateness
  /** Before and after. */
  readonly control: readonly Lateness[]
  /** What other processes had of the machine; undefined where the system does not tell. */
  readonly othersShare: number | undefined
}

export interface ExpiryResult {
  readonly schema: typeof EXPIRY_SCHEMA
  readonly bench: 'expiry'
  readonly startedAt: string
  readonly environment: Environment
  readonly plan: { readonly sessions: number; readonly rounds: number; readonly controlSeconds: number }
  readonly stores: readonly { readonly name: string; readonly title: string; readonly rounds: readonly ExpiryRound[] }[]
}
