/**
 * How much a cluster serves, and how fast, while nothing is broken: autocannon's connections, each with a virtual user of the lab, who
 * keeps cookies and checks each answer. Each user sends the next request when it has the answer to the last.
 */
import { worker } from '../../harness/processes/worker.ts'
import { LatencyHistogram } from '../../latency-histogram.ts'
import type { HealthyOptions, Question, TurnResult } from './process.ts'

export type { HealthyOptions, TurnResult } from './process.ts'

export interface HealthyMeasured extends TurnResult {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface HealthyLoad {
  /** Rejects when a connection breaks or when nothing was answered. */
  measure(seconds: number): Promise<HealthyMeasured>
  close(): void
}

const WARM_UP_TURNS_MAX = 60
const WARM_UP_TURN_S = 0.5
/** The latencies of two turns on an idle machine differ by less. */
const STABLE_WITHIN = 0.08

/** Resolves once all users have logged in. */
export async function openHealthy(options: HealthyOptions): Promise<HealthyLoad> {
  const process = await worker({ name: 'the healthy load', file: new URL('process.ts', import.meta.url) })
  try {
    await process.ask({ logIn: options } satisfies Question)
  } catch (error) {
    process.stop()
    throw error
  }
  return {
    async measure(seconds) {
      const result = await process.ask<TurnResult>({ shopForMs: seconds * 1_000 } satisfies Question)
      const latencies = LatencyHistogram.from(result.histogram)
      const requestsPerSecond = (result.requests * 1_000) / result.durationMs
      return { ...result, requestsPerSecond, p50Ms: latencies.percentileMs(50), p99Ms: latencies.percentileMs(99) }
    },
    close: () => process.stop(),
  }
}

/** Short turns that are in no figure, until so many requests were served and two turns in a row have the same median. */
export async function warmUp(load: HealthyLoad, requestsMin: number): Promise<void> {
  let before = Number.POSITIVE_INFINITY
  let served = 0
  for (let turn = 0; turn < WARM_UP_TURNS_MAX; turn++) {
    const { requests, p50Ms } = await load.measure(WARM_UP_TURN_S)
    served += requests
    if (served >= requestsMin && Math.abs(p50Ms / before - 1) <= STABLE_WITHIN) return
    before = p50Ms
  }
}
