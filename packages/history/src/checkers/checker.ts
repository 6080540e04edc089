import type { Observation, Visit } from '../ledger/visit.ts'

/** What can be wrong with sessions, the worst first. */
export const ANOMALIES = [
  'leak',
  'fixation',
  'resurrection',
  'lost-session',
  'amnesia',
  'lost-write',
  'lost-update',
  'visible-though-failed',
  'duplicate',
  'phantom',
  'flapping-session',
  'back-in-time',
  'hole',
  'stale-read',
  'early-expiry',
  'late-expiry',
  'copies-differ',
] as const

export type AnomalyKind = (typeof ANOMALIES)[number]

/** One time that something was wrong. */
export interface Finding {
  readonly user: string
  readonly visit: number
  /** The operations that prove it, in the order in which they were sent. */
  readonly ops: readonly number[]
  /** What happened, in one sentence. */
  readonly text: string
  /** How bad it is, to choose the worst of a kind: milliseconds, things lost. */
  readonly weight: number
}

/**
 * Looks for one anomaly. It sees each operation that ended, in the order of their ends, together with what the ledger knows
 * of the visit, and each visit once more when nothing of it can follow. It must blame only what was sent after the other
 * thing had ended, so that operations that ran at once are never blamed for their order.
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
