/**
 * Latencies in microseconds, to three significant digits. Unlike the histograms of autocannon (whole milliseconds) and of
 * Node (which nobody can write down), this one travels as text from the process that measured to the one that reports, so that
 * those of several blocks are merged before a percentile is taken: a percentile of percentiles is one of nothing.
 */
import assert from 'node:assert/strict'

const SIGNIFICANT_DIGITS = 3
const SHAPE = /^(\d+:\d+)?(,\d+:\d+)*$/

export class LatencyHistogram {
  readonly #counts = new Map<number, number>()
  #count = 0

  get count(): number {
    return this.#count
  }

  record(micros: number): void {
    this.#add(rounded(micros), 1)
  }

  add(other: LatencyHistogram): void {
    for (const [micros, count] of other.#counts) this.#add(micros, count)
  }

  /** In milliseconds: so many percent of the latencies were at most this. */
  percentileMs(percent: number): number {
    assert(this.#count > 0, 'a percentile of something')
    let left = Math.max(1, Math.ceil((percent / 100) * this.#count))
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
    this.#count += count
  }

  static from(text: string): LatencyHistogram {
    assert(SHAPE.test(text), 'a histogram as text')
    const histogram = new LatencyHistogram()
    for (const entry of text.split(',').filter(Boolean)) {
      const [micros, count] = entry.split(':').map(Number) as [number, number]
      histogram.#add(micros, count)
    }
    return histogram
  }
}

/** Of several, as one. */
export function mergedHistogram(texts: readonly string[]): LatencyHistogram {
  const merged = new LatencyHistogram()
  for (const text of texts) merged.add(LatencyHistogram.from(text))
  return merged
}

function rounded(micros: number): number {
  const whole = Math.max(1, Math.round(micros))
  const step = 10 ** Math.max(0, Math.floor(Math.log10(whole)) + 1 - SIGNIFICANT_DIGITS)
  return Math.round(whole / step) * step
}
