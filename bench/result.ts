/**
 * The result of `npm run bench`, as `result.json` has it: schema 1. The table, the report, the comparison of two runs and the
 * README's headline are made from this file alone, and each figure in it from the measurements in `kills` and `blocks`.
 *
 * Times are milliseconds, from the instant at which an operation was due. An estimate carries its interval; a figure that was not
 * measured is absent, never 0.
 */
import type { Environment } from './harness/environment.ts'
import type { Estimate, Finding } from './harness/statistics.ts'

export const RESULT_SCHEMA = 1

export interface BenchResult {
  readonly schema: typeof RESULT_SCHEMA
  readonly bench: 'strategies'
  readonly startedAt: string
  readonly endedAt: string
  readonly environment: Environment
  readonly options: BenchOptions
  readonly seed: number
  /** In the order in which they were asked for, the A/A row last. */
  readonly strategies: readonly StrategyResult[]
  readonly comparisons: readonly Comparison[]
  /** Why this run is not to be quoted; empty when it may be. */
  readonly doubts: readonly string[]
}

export interface BenchOptions {
  readonly quick: boolean
  readonly scenarios: readonly string[]
  readonly strategies: readonly string[]
  /** Faults each strategy goes through, in each scenario. */
  readonly kills: number
  readonly users: number
  readonly tabs: number
  readonly operationsPerSecond: number
  readonly nodes: number
}

/** Of one strategy, or one peer, in one scenario. */
export interface StrategyResult {
  readonly name: string
  readonly title: string
  readonly scenario: string
  /** `again` is the strategy of the A/A row: the first one, measured once more as if it were another. */
  readonly role: 'strategy' | 'peer' | 'again'
  /** It took no part: the reason, and how to get it. Then there are no figures. */
  readonly missing?: string
  /** Absent also when every one of its blocks was excluded. */
  readonly figures?: StrategyFigures
  readonly kills?: readonly KillRecord[]
  readonly blocks?: readonly HealthyBlock[]
}

export interface StrategyFigures {
  /** How many faults landed and count. */
  readonly kills: number
  /** Every kill was disturbed by other load: the counts hold, the times do not. */
  readonly disturbed?: true
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  readonly verdictDoubts: readonly string[]
  /** By kind, such as `lost-session`: how often. */
  readonly anomalies: Readonly<Record<string, number>>
  /** `exposed`: sessions that were open when a fault landed, each counted once a fault. */
  readonly sessions: { readonly exposed: number; readonly lost: number; readonly lostShare: Share }
  readonly writes: { readonly acknowledged: number; readonly lost: number; readonly duplicated: number }
  readonly reads: { readonly total: number; readonly stale: number }
  readonly requests: {
    readonly sent: number
    readonly ok: number
    readonly failed: Readonly<Record<string, number>>
    /** Attempts of the balancer beyond the first, over operations; absent where the balancer has no such metric. */
    readonly retriesPerOperation?: number
  }
  /** Without a phase in which nothing was due. */
  readonly latencyMs: PhaseLatencies
  /** The longest time without a good answer: to any user, and to the user who waited longest. */
  readonly outageMs: Spread
  readonly userOutageMs: Spread
  /** From the fault to the ejection by the balancer, and to the first good answer to an operation that was due after it. */
  readonly detectionMs?: Spread
  readonly firstSuccessMs: Spread
  /** Until good answers and p99 were back in the band of before for five seconds; absent when not within the bound. */
  readonly recoveryMs?: Spread
  readonly notRecovered: number
  /** Sum over users of their waits, a fault. */
  readonly lostUserSeconds: Estimate
  readonly healthy?: HealthyFigures
  readonly memoryBytesPerSession?: Estimate
  readonly storeBytesPerSession?: Estimate
}

/** `before` the fault, in the OUTAGE_PHASE_MS from it on, and `after` that, by due time. */
export type Phase = 'before' | 'outage' | 'after'

export const OUTAGE_PHASE_MS = 1_000

export const PHASES: readonly Phase[] = ['before', 'outage', 'after']

export type PhaseLatencies = Readonly<Partial<Record<Phase, PhaseLatency>>>

/** Percentiles over the merged histograms; p999 only from 10,000 samples on. */
export interface PhaseLatency {
  readonly p50: number
  readonly p99: number
  readonly p999?: number
  readonly n: number
}

/** A share of something that was lost. When nothing was, `high` is the bound that the number of faults allows: 3/N. */
export interface Share {
  readonly share: number
  readonly high: number
}

/** Of one figure a fault. */
export interface Spread {
  readonly p50: Estimate
  readonly max: number
}

/** Before the faults, by autocannon. */
export interface HealthyFigures {
  readonly requestsPerSecond: Estimate
  readonly latencyMs: { readonly p50: Estimate; readonly p99: Estimate; readonly p999?: number; readonly n: number }
  readonly cpuMicrosPerRequest: CpuFigures<Estimate>
  /** The median of that of the blocks. */
  readonly wrongShare?: number
}

/** `node`: of all nodes together. `store`: where the store is a process of the bench. */
export interface CpuFigures<Figure> {
  readonly balancer: Figure
  readonly node: Figure
  readonly store?: Figure
}

/** One turn of autocannon on one strategy. */
export interface HealthyBlock {
  readonly block: number
  readonly requests: number
  /** Of the answers, that were not what the user must see, as a refusal where the session is not; absent in results before it was kept. */
  readonly wrongShare?: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** As those of a KillRecord. */
  readonly histogram: string
  readonly cpuMicrosPerRequest: CpuFigures<number>
  /** The reason why it is in no figure. */
  readonly excluded?: string
}

/** One fault, and the load around it. */
export interface KillRecord {
  readonly block: number
  readonly fault: string
  readonly target: string
  readonly phases: PhaseLatencies
  /** The data behind `phases`: microseconds and their counts, as `micros:count,...`. */
  readonly histograms: Readonly<Record<Phase, string>>
  readonly outageMs: number
  readonly userOutageMs: number
  readonly detectionMs?: number
  readonly firstSuccessMs?: number
  /** Absent when it did not recover during the watch. */
  readonly recoveryMs?: number
  readonly lostUserSeconds: number
  readonly sessionsExposed: number
  readonly sessionsLost: number
  readonly writesAcknowledged: number
  readonly writesLost: number
  readonly writesDuplicated: number
  readonly requestsSent: number
  readonly requestsFailed: number
  /** The lateness of the generator at p99. */
  readonly latenessMs: number
  /** The load around it, by due time, from before the fault (negative `fromMs`) to after it. */
  readonly bins: readonly KillBin[]
  /** The reason why it is in no figure: the generator was late, the machine was busy, the fault did not land. */
  readonly excluded?: string
}

/** Operations due within BIN_MS from `fromMs` after the fault. */
export interface KillBin {
  readonly fromMs: number
  readonly due: number
  readonly ok: number
  /** Of good answers; absent without one. */
  readonly p50Ms?: number
  readonly maxMs?: number
}

export const BIN_MS = 100

/** Two strategies in the same blocks: the figure of `strategy` over that of `base`. */
export interface Comparison {
  readonly scenario: string
  readonly strategy: string
  /** The strategy it is compared with. */
  readonly base: string
  readonly figure: 'outageMs' | 'healthy p50' | 'healthy p99' | 'cpuMicrosPerRequest' | 'requestsPerSecond'
  readonly ratio: Estimate
  readonly finding: Finding
  /** The base with itself. */
  readonly isAgain: boolean
}
