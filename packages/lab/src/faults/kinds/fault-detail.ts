import type { Direction } from '../../edges/edges.ts'

/** The options of a fault. Each kind takes some of them, see its `fields`. */
export interface FaultDetail {
  readonly point?: CrashPoint
  /** Crashes at the n-th request that passes the point from now; 1 is the next. */
  readonly request?: number
  /** Only requests of this method and route count, such as `POST /api/cart`. */
  readonly operation?: string
  /** Heals by itself after this time. */
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
