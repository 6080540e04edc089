/**
 * How much a cluster serves, and how fast, while nothing happens to it: by autocannon, each of whose connections is a user with
 * cookies, a cart and a memory for what was acknowledged. METHOD.md says what of autocannon is used, and what is not.
 */
import { worker } from '../../harness/worker.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import type { Scenario, ShoppersOptions, Turn, TurnResult } from './shoppers.ts'

export { LatencyHistogram, mergedHistogram } from './latency-histogram.ts'
export type { Scenario, Turn } from './shoppers.ts'

export interface HealthyOptions {
  readonly url: string
  readonly users: number
  /** Of each user. Default 1. */
  readonly tabs?: number
  readonly scenario: Scenario
  readonly seed: number
}

export interface HealthyMeasured extends TurnResult {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Users who are logged in and wait. They live in a process of their own, which does nothing between two turns. */
export interface HealthyLoad {
  /** Rejects when nothing was answered. */
  measure(turn: Turn): Promise<HealthyMeasured>
  close(): void
}

/** Whatever the warm-up shows: it must not end in a bench that never begins. */
const WARM_UP_TURNS_MAX = 20
const WARM_UP_TURN_S = 0.5
/** Between the latencies of two turns, when the machine has nothing else to do. */
const STABLE_WITHIN = 0.08

/** Resolves once everybody has logged in. */
export async function openHealthy({ tabs = 1, ...options }: HealthyOptions): Promise<HealthyLoad> {
  const process = await worker({ name: 'the healthy load', file: new URL('worker.ts', import.meta.url) })
  try {
    await process.ask({ task: 'log-in', ...options, tabs } satisfies { task: 'log-in' } & ShoppersOptions)
  } catch (error) {
    process.stop()
    throw error
  }
  return {
    async measure(turn) {
      const result = await process.ask<TurnResult>({ task: 'shop', ...turn })
      const histogram = LatencyHistogram.from(result.histogram)
      const percentile = (percent: number): number => histogram.percentileMs(percent)
      const requestsPerSecond = (result.requests * 1_000) / result.durationMs
      return { ...result, requestsPerSecond, p50Ms: percentile(50), p99Ms: percentile(99) }
    },
    close: () => process.stop(),
  }
}

/** Turns that no figure contains, until the median of two in a row is the same. Resolves with how many it took. */
export async function warmUp(load: HealthyLoad, rate?: number): Promise<number> {
  const turn: Turn = { seconds: WARM_UP_TURN_S, ...(rate === undefined ? {} : { rate }) }
  let before = await load.measure(turn)
  for (let turns = 2; turns <= WARM_UP_TURNS_MAX; turns++) {
    const now = await load.measure(turn)
    if (Math.abs(now.p50Ms / before.p50Ms - 1) <= STABLE_WITHIN) return turns
    before = now
  }
  return WARM_UP_TURNS_MAX
}

/** All of it at once: logs in, warms up, measures. */
export async function measureHealthy({ seconds, rate, ...options }: HealthyOptions & Turn): Promise<HealthyMeasured> {
  const load = await openHealthy(options)
  try {
    await warmUp(load, rate)
    return await load.measure({ seconds, ...(rate === undefined ? {} : { rate }) })
  } finally {
    load.close()
  }
}
