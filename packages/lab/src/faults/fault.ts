import type { NodeLife, TraceEvent } from '@ninelives/history'
import type { FaultFields } from './fields.ts'

/** What a fault may be told beside its target. Each takes its own part of it, see its `fields`. */
export interface FaultDetail {
  readonly point?: CrashPoint
  /** At which of the coming requests that pass the point: 1 is the next. */
  readonly request?: number
  /** Only requests of this method and route count, such as `POST /api/cart`. */
  readonly operation?: string
  /** Healed by itself after so long. */
  readonly durationMs?: number
  readonly skewMs?: number
  readonly megabytes?: number
  readonly latencyMs?: number
  readonly jitterMs?: number
  readonly bytesPerSecond?: number
  readonly direction?: Direction
}

export const CRASH_POINTS = ['before-read', 'before-commit', 'after-commit', 'after-response'] as const
export type CrashPoint = (typeof CRASH_POINTS)[number]

/** Of what passes an edge: away from who connects, back to it, or both. */
export const DIRECTIONS = ['both', 'request', 'answer'] as const
export type Direction = (typeof DIRECTIONS)[number]

/** One injection of a fault. */
export interface FaultOrder extends FaultDetail {
  readonly id: string
}

/** What a fault is done to: a node, the store, edges. */
export interface Subject {
  readonly name: string
  /** Of the process that suffers it; absent while there is none. */
  readonly pid: number | undefined
  /** What it is doing, as far as the lab was told. */
  readonly life: NodeLife
}

export type SubjectKind = 'node' | 'store' | 'edge' | 'partition'

/** One way to break something, and to mend it. A new one is a file beside this one and an entry in `index.ts`. */
export interface Fault<S extends Subject = Subject> {
  readonly kind: string
  readonly on: readonly SubjectKind[]
  readonly fields?: FaultFields
  /** What the subject must be doing for this fault to mean anything. */
  readonly needs: readonly NodeLife[]
  /** What shows that it is over, however that came about. */
  readonly endsWith: readonly TraceEvent['type'][]
  /** Over as soon as it was seen to have landed. */
  readonly isMomentary?: true
  /** What it falls on is started again by itself: a series of faults need not heal it. */
  readonly comesBack?: true
  /** What a series of faults tells it, drawn from its seed. */
  readonly drawn?: (random: () => number) => FaultDetail
  /** Where that may take longer than a moment. */
  readonly landsWithinMs?: number
  /**
   * It lands at a moment of its own, such as a request that may never come: after `inject` it stands ready, and the node
   * itself tells by an event of this name, with the order's id as `fault`, that the moment is there.
   */
  readonly landsWith?: string

  /** Rejects with ApiError when it can't even be made ready. */
  inject(subject: S, order: FaultOrder): void | Promise<void>

  /** Whether it is *seen* to have landed on the process that had this pid; never because it should have. */
  confirm(subject: S, pid: number, order: FaultOrder): Promise<boolean>

  /** Resolves once the subject is seen to be well, and nothing of the fault is left that could still land. */
  heal(subject: S, order: FaultOrder): Promise<void>
}
