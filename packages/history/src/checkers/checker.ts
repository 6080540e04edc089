import type { Observation, Visit } from '../ledger/visit.ts'

/** The anomalies, the worst first. */
export const ANOMALIES = [
  'leak',
  'fixation',
  'resurrection',
  'lost-session',
  'amnesia',
  'lost-write',
  'lost-move',
  'lost-update',
  'visible-though-failed',
  'duplicate',
  'doubled-move',
  'phantom',
  'flapping-session',
  'back-in-time',
  'hole',
  'stale-read',
  'early-expiry',
  'late-expiry',
  'outlived-socket',
  'copies-differ',
] as const

export type AnomalyKind = (typeof ANOMALIES)[number]

/** One occurrence of an anomaly. */
export interface Finding {
  readonly user: string
  readonly visit: number
  /** The operations that prove it, in the order in which they were sent. */
  readonly ops: readonly number[]
  /** What happened, in one sentence. */
  readonly text: string
  /** For choosing the worst of a kind: milliseconds, or items lost. */
  readonly weight: number
}

/**
 * Looks for one anomaly. `observe` gets each operation that ended, in the order of the ends, with the ledger's knowledge of the
 * visit; `over` gets each visit when no more of its operations can follow. A checker must compare an operation only with ones
 * that had ended before it was sent, as concurrent operations have no order.
 */
export interface Checker {
  readonly kind: AnomalyKind
  readonly observe?: (seen: Observation) => readonly Finding[]
  readonly over?: (visit: Visit) => readonly Finding[]
}

export const NOTHING: readonly Finding[] = []

export function finding(visit: Visit, ops: readonly number[], text: string, weight = 1): readonly Finding[] {
  return [{ user: visit.user, visit: visit.number, ops: [...new Set(ops)].sort((a, b) => a - b), text, weight }]
}
