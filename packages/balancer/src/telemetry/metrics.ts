/** What is counted, for Prometheus. Names and labels are an interface: dashboards and the lab read them. */
import { AggregatorRegistry, Gauge, Registry, collectDefaultMetrics } from '@prometheus-io/client'
import type { MetricObject } from '@prometheus-io/client'
import { Counted, Durations } from './metric-cells.ts'

export type MetricsSnapshot = MetricObject[]

export interface Exposition {
  readonly contentType: string
  readonly text: string
}

/** What is shown of an upstream. */
export interface MeasuredUpstream {
  readonly name: string
  readonly standing: string
  readonly inFlight: number
  readonly tunnels: number
}

/** How a wait in a queue ended, or that it did not begin because too many requests wait. */
export type QueueOutcome = 'served' | 'expired' | 'abandoned' | 'refused'

export interface Metrics {
  /** A request is over: the status it was answered with, `client-left` or `cut`. */
  answered(code: string): void
  attempted(upstream: string, outcome: string): void
  ruled(rule: string): void
  /** A failed attempt is followed by another. */
  retried(rule: string): void
  ejected(upstream: string): void
  suspected(upstream: string): void
  /** A client's connection was closed at once because there were too many: of its address, or in total. */
  refusedConnection(bound: 'address' | 'total'): void
  /** Why a request was sent where it was sent. */
  routed(why: string): void
  /** From the start of an attempt to the beginning of its answer. */
  responded(upstream: string, ms: number): void
  /** A request left a queue, or was refused there. */
  queued(outcome: QueueOutcome, ms: number): void
  reloaded(outcome: 'applied' | 'refused'): void
  /** A certificate was read: whether it is used, and if so when it expires. */
  certificate(outcome: { readonly usedUntil: Date } | 'kept-the-old'): void
  /** Shows the upstreams' state from now on, and how many requests wait. */
  watch(upstreams: readonly MeasuredUpstream[], waiting: () => number): void
  /** An upstream is gone: drops its counts. */
  forget(upstream: string): void
  /** What another process can put together with its own. */
  snapshot(): Promise<MetricsSnapshot>
}

const PREFIX = 'ninelives_balancer_'
/**
 * The defaults wake an idle process 110 times a second, which is most of its CPU time: 100 times to measure the event loop's lag and 10 times
 * for its utilization. Here the lag is measured when Prometheus asks, and the utilization every ten seconds.
 */
const RARELY_AWAKE = { eventLoopMonitoringPrecision: 2 ** 31 - 1, eventLoopUtilizationTimeout: 10_000 }
const LAG_BY_MONITOR = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map(
  (figure) => `nodejs_eventloop_lag_${figure}_seconds`,
)

export function metrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, ...RARELY_AWAKE })
  for (const name of LAG_BY_MONITOR) registry.removeSingleMetric(name)
  const counted = (name: string, help: string, ...labels: [string, string?]) =>
    new Counted(registry, `${PREFIX}${name}`, help, labels)
  const durations = (name: string, help: string, label: string) =>
    new Durations(registry, `${PREFIX}${name}`, help, label)

  const requests = counted(
    'requests_total',
    'Requests that are over, by status, or client-left, or cut when an answer broke off.',
    'code',
  )
  const attempts = counted(
    'attempts_total',
    'Attempts that are over, by upstream and what they came to.',
    'upstream',
    'outcome',
  )
  const rulings = counted(
    'failed_attempts_total',
    'Attempts that failed, by the rule that decided what followed.',
    'rule',
  )
  const retries = counted('retries_total', 'Attempts that follow a failed one, by the rule that allowed them.', 'rule')
  const ejections = counted('ejections_total', 'Times an upstream was ejected.', 'upstream')
  const suspicions = counted(
    'suspicions_total',
    'Times an upstream answered late, and what it held went elsewhere.',
    'upstream',
  )
  const routes = counted('routed_total', 'Attempts, by why they went where they went.', 'why')
  const latencies = durations(
    'upstream_response_seconds',
    'From the start of an attempt to the beginning of its answer.',
    'upstream',
  )
  const waits = durations('queue_wait_seconds', 'How long requests waited for room, by how that ended.', 'outcome')
  const refusedConnections = refusedConnectionCounter(registry)
  const reloads = reloadCounter(registry)
  return {
    answered: (code) => requests.add(code),
    attempted: (upstream, outcome) => attempts.add(upstream, outcome),
    ruled: (rule) => rulings.add(rule),
    retried: (rule) => retries.add(rule),
    ejected: (upstream) => ejections.add(upstream),
    suspected: (upstream) => suspicions.add(upstream),
    routed: (why) => routes.add(why),
    responded: (upstream, ms) => latencies.observe(upstream, ms),
    queued: (outcome, ms) => waits.observe(outcome === 'abandoned' ? 'client-left' : outcome, ms),
    reloaded: (outcome) => reloads.add(outcome),
    certificate: certificateMetrics(registry),
    refusedConnection: (bound) => refusedConnections.add(bound),
    watch: (upstreams, waiting) => watch(registry, upstreams, waiting),
    forget(upstream) {
      for (const each of [attempts, ejections, suspicions, latencies]) each.forget(upstream)
    },
    snapshot: () => registry.getMetricsAsJSON(),
  }
}

/** Also counted by the parent of workers. */
export function refusedConnectionCounter(registry: Registry): Counted {
  const help = 'Connections closed at once, by the bound that they would have passed.'
  return new Counted(registry, `${PREFIX}refused_connections_total`, help, ['bound'])
}

/** Also counted by the parent of workers. */
export function reloadCounter(registry: Registry): Counted {
  return new Counted(registry, `${PREFIX}reloads_total`, 'Times the configuration was read again.', ['outcome'])
}

function certificateMetrics(registry: Registry): Metrics['certificate'] {
  const help = 'Times a certificate was read, by whether it is used or the one before was kept.'
  const reads = new Counted(registry, `${PREFIX}certificate_reads_total`, help, ['outcome'])
  let expiry: Gauge | undefined
  return (outcome) => {
    reads.add(outcome === 'kept-the-old' ? 'kept' : 'used')
    if (outcome === 'kept-the-old') return
    // Only with a certificate: 0 would say that it has expired.
    expiry ??= new Gauge({
      name: `${PREFIX}certificate_expiry_timestamp_seconds`,
      help: 'When the certificate in use, or one of its chain, runs out: seconds since 1970.',
      registers: [registry],
      aggregator: 'min',
    })
    expiry.set(outcome.usedUntil.getTime() / 1_000)
  }
}

/** Of one process or of several, in the text format. */
export async function exposition(snapshots: readonly MetricsSnapshot[]): Promise<Exposition> {
  const together = AggregatorRegistry.aggregate([...snapshots])
  return { contentType: together.contentType, text: await together.metrics() }
}

type Aggregator = 'sum' | 'min'

function watch(registry: Registry, upstreams: readonly MeasuredUpstream[], waiting: () => number): void {
  const gauge = (name: string, help: string, aggregator: Aggregator, value: (upstream: MeasuredUpstream) => number) =>
    new Gauge({
      name: `${PREFIX}upstream_${name}`,
      help,
      labelNames: ['upstream'],
      registers: [registry],
      aggregator,
      collect() {
        this.reset()
        for (const upstream of upstreams) this.set({ upstream: upstream.name }, value(upstream))
      },
    })
  gauge('up', '1 while the upstream takes traffic.', 'min', (upstream) => Number(upstream.standing === 'up'))
  gauge('in_flight', 'Requests at the upstream now.', 'sum', (upstream) => upstream.inFlight)
  gauge('tunnels', 'WebSockets open to the upstream now.', 'sum', (upstream) => upstream.tunnels)
  const queue = new Gauge({
    name: `${PREFIX}queue_length`,
    help: 'Requests that wait for room at an upstream.',
    registers: [registry],
    collect() {
      this.set(waiting())
    },
  })
  queue.set(0)
}
