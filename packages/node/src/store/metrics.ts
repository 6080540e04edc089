/** What Prometheus is told. */
import { collectDefaultMetrics, Gauge, Histogram, type Metric, type Registry } from '@prometheus-io/client'

export interface MeasuredRequest {
  readonly route: string
  readonly status: number
  readonly durationMs: number
}

export interface Metrics {
  request(measured: MeasuredRequest): void
  /** The exposition, and the content type to send it under. */
  text(): Promise<string>
  readonly contentType: string
}

export interface MetricsOptions {
  readonly registry: Registry
  readonly node: string
  /** How many sessions live in this very process. */
  readonly sessionsHeld: () => number
  /** Of other parts of the node. */
  readonly others: readonly Metric[]
}

const DURATION_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/**
 * The defaults wake an idle process 110 times a second, which is most of its CPU time: 100 times to measure the event loop's lag and 10 times
 * for its utilization. Here the lag is measured when Prometheus asks, and the utilization every ten seconds.
 */
const RARELY_AWAKE = { eventLoopMonitoringPrecision: 2 ** 31 - 1, eventLoopUtilizationTimeout: 10_000 }
const LAG_BY_MONITOR = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map(
  (figure) => `nodejs_eventloop_lag_${figure}_seconds`,
)

export function shopMetrics({ registry: register, node, sessionsHeld, others }: MetricsOptions): Metrics {
  register.setDefaultLabels({ node })
  collectDefaultMetrics({ register, ...RARELY_AWAKE })
  for (const name of LAG_BY_MONITOR) register.removeSingleMetric(name)
  for (const metric of others) register.registerMetric(metric)

  const durations = new Histogram({
    name: 'ninelives_request_duration_seconds',
    help: 'From the request being read to its answer being ready, by route and status.',
    labelNames: ['route', 'status'],
    buckets: DURATION_BUCKETS_S,
    registers: [register],
  })
  const held: Gauge = new Gauge({
    name: 'ninelives_sessions_held',
    help: 'Sessions in the memory of this process, which die with it.',
    registers: [register],
    collect: () => held.set(sessionsHeld()),
  })

  return {
    request: ({ route, status, durationMs }) => durations.observe({ route, status }, durationMs / 1000),
    text: () => register.metrics(),
    contentType: register.contentType,
  }
}
