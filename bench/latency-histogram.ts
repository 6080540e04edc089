/**
 * Latencies in microseconds, to three significant digits. A histogram of Node can't be written down; this one travels as text, from the
 * process that measured and in result.json, so that those of several blocks are merged before a percentile is taken.
 */
import assert from 'node:assert/strict'
import type { PhaseLatency } from './result.ts'

const SIGNIFICANT_DIGITS = 3
const SHAPE = /^(\d+:\d+)?(,\d+:\d+)*$/
/** With fewer, the slowest thousandth is a handful of samples. */
export const P999_SAMPLES_MIN = 10_000

export class LatencyHistogram {
  readonly #counts = new Map<number, number>()
  count = 0

  record(micros: number): void {
    const whole = Math.max(1, Math.round(micros))
    const step = 10 ** Math.max(0, Math.floor(Math.log10(whole)) + 1 - SIGNIFICANT_DIGITS)
    this.#add(Math.round(whole / step) * step, 1)
  }

  /** In milliseconds: this many percent of the latencies were at most the result. */
  percentileMs(percent: number): number {
    assert(this.count > 0, 'a percentile of something')
    let left = Math.max(1, Math.ceil((percent / 100) * this.count))
    for (const [micros, count] of [...this.#counts].sort(([one], [other]) => one - other)) {
      left -= count
      if (left <= 0) return micros / 1_000
    }
    throw new assert.AssertionError({ message: 'the counts add up to the count' })
  }

  /** As `micros:count,...`, for `from`. */
  toString(): string {
    return [...this.#counts].map(([micros, count]) => `${micros}:${count}`).join(',')
  }

  #add(micros: number, count: number): void {
    this.#counts.set(micros, (this.#counts.get(micros) ?? 0) + count)
    this.count += count
  }

  static from(...texts: readonly string[]): LatencyHistogram {
    const histogram = new LatencyHistogram()
    for (const text of texts) {
      assert(SHAPE.test(text), 'a histogram as text')
      for (const entry of text.split(',').filter(Boolean)) {
        const [micros, count] = entry.split(':').map(Number) as [number, number]
        histogram.#add(micros, count)
      }
    }
    return histogram
  }
}

export function phaseLatency(histogram: LatencyHistogram): PhaseLatency {
  const { count: n } = histogram
  const rare = n >= P999_SAMPLES_MIN ? { p999: histogram.percentileMs(99.9) } : {}
  return { p50: histogram.percentileMs(50), p99: histogram.percentileMs(99), ...rare, n }
}
