import type { FaultFacts } from '@ninelives/history'
import type { Direction } from '../../edges/edges.ts'

/** The options of a fault, as the trace has them. Each kind takes some of them, see its `fields`. */
export interface FaultDetail extends FaultFacts {
  readonly point?: CrashPoint
  readonly direction?: Direction
}

export const CRASH_POINTS = ['before-read', 'before-commit', 'after-commit', 'after-response'] as const
export type CrashPoint = (typeof CRASH_POINTS)[number]
