import type { LatencyHistogram } from '../healthy/latency-histogram.ts'
import type { PhaseLatency } from '../../result.ts'

/** With fewer, the thousandth part is a handful of moments. */
export const P999_SAMPLES_MIN = 10_000

export function phaseLatency(histogram: LatencyHistogram): PhaseLatency {
  const { count: n } = histogram
  const rare = n >= P999_SAMPLES_MIN ? { p999: histogram.percentileMs(99.9) } : {}
  return { p50: histogram.percentileMs(50), p99: histogram.percentileMs(99), ...rare, n }
}
