/** What a cluster is put through: how large it is, what its users do, and what breaks. A new one is a file and an entry in `index.ts`. */
import type { Strategy } from '@ninelives/lab'

export type BreakName = 'kill' | 'rolling' | 'store'

export interface BenchScenario {
  readonly name: string
  /** One line, for `--help` and the report. */
  readonly summary: string
  readonly breaks: BreakName
  /** Those that are absent are the run's. */
  readonly nodes?: number
  readonly users?: number
  readonly tabs?: number
  readonly rate?: number
  /** Of what users do inside, so much is to look. */
  readonly readShare?: number
  /** Sessions that are open and that nobody uses meanwhile. */
  readonly liveSessions?: number
  /** So much is in each session beside what the shop puts there. */
  readonly sessionBytes?: number
  /** Every answer of the store comes some milliseconds late. */
  readonly slowStore?: boolean
  /** Why there is nothing to be seen of a strategy here. */
  readonly skips?: (strategy: Strategy) => string | undefined
}

/** For what happens to a store that is a server. */
export function withoutServer({ store }: Strategy): string | undefined {
  return typeof store === 'object' && 'server' in store ? undefined : 'it has no store beside its nodes'
}
