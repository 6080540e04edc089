/** What happened to the users in a fraction of a second, in few bytes: numbers in fixed places instead of one object an operation. */
import type { AnomalyKind } from '../checkers/checker.ts'
import type { InterleavingName } from '../interleavings.ts'
import type { OperationEnded, OperationKind, OperationSent } from '../trace/events.ts'
import type { Incident } from './incident.ts'

/** `away`: not logged in, by choice or not yet. `out`: logged in once, and refused. */
export const STANDINGS = ['away', 'in', 'out'] as const
export type Standing = (typeof STANDINGS)[number]

export const OUTCOMES = ['ok', 'failed', 'unknown', 'logged-out'] as const

export const KINDS: readonly OperationKind[] = [
  'login',
  'put',
  'read',
  'count',
  'logout',
  'return',
  'forge',
  'copy',
  'hello',
  'move',
]

/** The numbers of an operation in `Beat.ops`: user, node or -1, code, its end before the beat's, milliseconds since its due time. */
export const OP_FIELDS = 5

export interface Beat {
  readonly atMs: number
  readonly ops: readonly number[]
  /** Operations that were left out, as there were too many. */
  readonly skipped: number
  /** Pairs of a user and the index of its new standing. */
  readonly standings: readonly number[]
  /** Those that are new, or changed. */
  readonly incidents: readonly Incident[]
  readonly anomalies: readonly FoundAnomaly[]
  /** How often each anomaly was found since the beginning; absent without a change. */
  readonly found?: Readonly<Partial<Record<AnomalyKind, number>>>
  /** How often each hard interleaving occurred since the beginning; absent without a change. */
  readonly met?: Met
}

export type Met = Readonly<Partial<Record<InterleavingName, number>>>

/** An anomaly with the operations that prove it, as far as they are remembered. */
export interface FoundAnomaly {
  readonly id: number
  readonly kind: AnomalyKind
  readonly atMs: number
  readonly user: string
  readonly text: string
  readonly ops: readonly ShownOperation[]
}

export interface ShownOperation
  extends
    Pick<OperationSent, 'op' | 'user' | 'tab' | 'kind' | 'sku' | 'sentAtMs'>,
    Pick<OperationEnded, 'endedAtMs' | 'outcome' | 'why' | 'node'> {}

/** Everything about the users at one instant. */
export interface CrowdView {
  readonly atMs: number
  /** The nodes' names; the other fields have their indexes. */
  readonly nodes: readonly string[]
  /** The node that served each user last, or -1. */
  readonly served: readonly number[]
  /** The index of each user's standing. */
  readonly standings: readonly number[]
  readonly incidents: readonly Incident[]
  readonly anomalies: readonly FoundAnomaly[]
  readonly found: Readonly<Partial<Record<AnomalyKind, number>>>
  readonly met: Met
}

export const noCrowd: CrowdView = {
  atMs: 0,
  nodes: [],
  served: [],
  standings: [],
  incidents: [],
  anomalies: [],
  found: {},
  met: {},
}

export function codeOf(kind: OperationKind, outcome: number): number {
  return Math.max(0, KINDS.indexOf(kind)) * OUTCOMES.length + outcome
}

/** False with an old cookie or a made-up one: no answer to these is about the user's session, nor comes from that session's node. */
export function isOwnRequest(code: number): boolean {
  const kind = KINDS[Math.floor(code / OUTCOMES.length)]
  return kind !== 'return' && kind !== 'forge'
}
