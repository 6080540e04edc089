/** How long the users waited, counted from when each operation was due, and how far the load that measured it can be trusted. */
import type { OperationEnded, OperationSent } from './trace/events.ts'

export interface LatencyFigures {
  /** Operations that ended; without the copies that are asked for past the balancer. */
  readonly operations: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
  /** How much later than it could have the generator sent an operation, at the 99th percentile. */
  readonly lateMs: number
  /** Why these figures are not to be quoted. They say nothing about what was lost. */
  readonly doubts: readonly string[]
}

/** Later than this at its 99th percentile, the load tells more about its generator than about the shop. */
export const LATE_MAX_MS = 10

export class Latency {
  readonly #waited = new Percentiles()
  readonly #late = new Percentiles()
  #longestMs = 0

  sent({ kind, lateMs }: OperationSent): void {
    if (kind !== 'copy') this.#late.add(lateMs)
  }

  ended({ kind, dueAtMs }: OperationSent, { endedAtMs }: OperationEnded): void {
    if (kind === 'copy') return
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

/** Of a millisecond; what is less counts as much. */
const LEAST_MS = 0.01
/** Each doubling is divided in so many steps, so a percentile is right within one per cent. */
const STEPS = 64
/** Up to LEAST_MS times two to the power of this, which is a day. */
const DOUBLINGS = 33

/** Percentiles of times, in memory that does not grow with their number. */
class Percentiles {
  readonly #counts = new Uint32Array(DOUBLINGS * STEPS)
  count = 0

  add(ms: number): void {
    const step = ms <= LEAST_MS ? 0 : Math.floor(Math.log2(ms / LEAST_MS) * STEPS)
    const index = Math.min(this.#counts.length - 1, step)
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.count++
  }

  /** 0 where there is nothing, or next to nothing. */
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
