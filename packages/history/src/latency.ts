/** The latencies of operations from their due times, and the lateness of the generator that measured them. */
import type { OperationEnded, OperationSent } from './trace/events.ts'

export interface LatencyFigures {
  /** Operations that ended, without `copy`, which bypasses the balancer, and `linger`, which asks for nothing. */
  readonly operations: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
  /** The generator's lateness at p99. */
  readonly lateMs: number
  /** Why these figures can't be trusted. They say nothing about losses. */
  readonly doubts: readonly string[]
}

/** Above this lateness at p99 the latencies measure the generator rather than the shop. */
export const LATE_MAX_MS = 10

const UNTIMED: ReadonlySet<string> = new Set(['copy', 'linger'])

export class Latency {
  readonly #waited = new Percentiles()
  readonly #late = new Percentiles()
  #longestMs = 0

  sent({ kind, lateMs }: OperationSent): void {
    if (!UNTIMED.has(kind)) this.#late.add(lateMs)
  }

  ended({ kind, dueAtMs }: OperationSent, { endedAtMs }: OperationEnded): void {
    if (UNTIMED.has(kind)) return
    const waitedMs = endedAtMs - dueAtMs
    this.#waited.add(waitedMs)
    this.#longestMs = Math.max(this.#longestMs, waitedMs)
  }

  get figures(): LatencyFigures {
    const lateMs = this.#late.at(0.99)
    return {
      operations: this.#waited.count,
      p50Ms: this.#waited.at(0.5),
      p99Ms: this.#waited.at(0.99),
      longestMs: this.#longestMs,
      lateMs,
      doubts:
        lateMs > LATE_MAX_MS
          ? [`the generator was ${lateMs.toFixed(1)} ms late at p99, where ${LATE_MAX_MS} ms is the most`]
          : [],
    }
  }
}

/** Smaller values count as this one. */
const LEAST_MS = 0.01
/** Steps for each doubling: a percentile is right within one per cent. */
const STEPS = 64
/** The range is LEAST_MS times two to the power of this: a day. */
const DOUBLINGS = 33

/** Percentiles of durations, in constant memory. */
class Percentiles {
  readonly #counts = new Uint32Array(DOUBLINGS * STEPS)
  count = 0

  add(ms: number): void {
    const step = ms <= LEAST_MS ? 0 : Math.floor(Math.log2(ms / LEAST_MS) * STEPS)
    const index = Math.min(this.#counts.length - 1, step)
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.count++
  }

  /** 0 without values, or if the value is at most LEAST_MS. */
  at(share: number): number {
    const above = Math.floor(this.count * (1 - share))
    let left = above
    for (let index = this.#counts.length - 1; index > 0; index--) {
      left -= this.#counts[index] ?? 0
      if (left < 0) return LEAST_MS * 2 ** ((index + 0.5) / STEPS)
    }
    return 0
  }
}
