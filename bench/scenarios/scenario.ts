/** How large a cluster is, what its users do, and what breaks. A new scenario is a file and an entry in `index.ts`. */
import type { Strategy } from '@ninelives/lab'

export type BreakName = 'kill' | 'rolling' | 'store'

export interface BenchScenario {
  readonly name: string
  /** One line, for `--help` and the report. */
  readonly summary: string
  readonly breaks: BreakName
  /** Absent values are the run's. */
  readonly nodes?: number
  readonly users?: number
  readonly tabs?: number
  readonly rate?: number
  /** Share of reads while logged in. */
  readonly readShare?: number
  /** Open sessions that are not used. */
  readonly liveSessions?: number
  /** Extra bytes in each session. */
  readonly sessionBytes?: number
  /** Every answer of the store is delayed by some milliseconds. */
  readonly slowStore?: boolean
  /** Why a strategy takes no part here. */
  readonly skips?: (strategy: Strategy) => string | undefined
}

/** Skips strategies without a store server. */
export function withoutServer({ store }: Strategy): string | undefined {
  return typeof store === 'object' && 'server' in store ? undefined : 'it has no store beside its nodes'
}
