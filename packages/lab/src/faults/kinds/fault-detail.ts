import type { Direction } from '../../edges/edges.ts'

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
