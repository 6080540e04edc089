/**
 * What a session layer tells, for Prometheus. Counters that grow with each request are asked of the layer and its store when they are
 * scraped; a request costs no more than the latency of its store calls.
 */
import type * as prometheus from '@prometheus-io/client'
import type { Counter, Gauge, Metric, Registry } from '@prometheus-io/client'
import { requiredPackage } from '../optional-packages.ts'
import { SessionOptionsError } from '../options.ts'
import type { StoreReport } from '../telemetry.ts'
import type { SessionMetrics, WatchedLayer } from './observers.ts'
import { reported, sessionCounts, type SessionsReport } from './session-counts.ts'

export type { SessionMetrics } from './observers.ts'

const CALL_BUCKETS_S = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2]
type Client = typeof prometheus

const NOTHING_YET = reported(sessionCounts())

/**
 * For the option `metrics` of one session layer: `sessions(app, { metrics: sessionMetrics(), ... })`. What opens its store by itself hands
 * `onEvent` on: `openStore(url, { onEvent: metrics.onEvent })`. Default: the registry that the client library shares.
 */
export function sessionMetrics(given?: Registry): SessionMetrics {
  const client = requiredPackage('sessionMetrics()', '@prometheus-io/client') as Client
  const { Counter, Gauge, Histogram } = client
  const registry = given ?? client.register
  const registers = [registry]
  let layer: WatchedLayer | undefined
  const sessions = (): SessionsReport => layer?.report() ?? NOTHING_YET
  const store = (): StoreReport => layer?.store.report?.() ?? { warnings: [] }
  /** What a store counts itself, each group once the store has it: one that is opened by its URL is not open at first. */
  const groups = new Set(STORE_METRICS)
  const registerFound = (): void => {
    for (const metricsOf of groups) {
      const made = metricsOf(client, store)
      if (made === undefined) continue
      groups.delete(metricsOf)
      for (const metric of made) registry.registerMetric(metric)
    }
  }

  const events = new Counter({
    name: 'ninelives_session_events_total',
    help: 'Events of the session layer, by type.',
    labelNames: ['event'],
    registers,
  })
  const eventTimes = new Gauge({
    name: 'ninelives_session_event_timestamp_seconds',
    help: 'When this process last had an event of the type: seconds since 1970.',
    labelNames: ['event'],
    registers,
  })
  const calls = new Histogram({
    name: 'ninelives_store_call_duration_seconds',
    help: 'Calls to the session store, by verb and outcome.',
    labelNames: ['verb', 'outcome'],
    buckets: CALL_BUCKETS_S,
    registers,
  })
  let isUp = true
  const up: Gauge = new Gauge({
    name: 'ninelives_store_up',
    help: '1 while calls are sent to the session store, 0 while its breaker is open.',
    registers,
    collect() {
      up.set(isUp ? 1 : 0)
      registerFound()
    },
  })
  const ended: Counter<'reason'> = new Counter({
    name: 'ninelives_sessions_ended_total',
    help: 'Sessions that were ended before their time, by reason: logout (on Express and Fastify a regenerate() as well), revoked, too-many, theft.',
    labelNames: ['reason'],
    registers,
    collect() {
      ended.reset()
      for (const [reason, count] of Object.entries(sessions().ended)) ended.inc({ reason }, count)
    },
  })
  const ofSessions = [
    counter(client, 'sessions_created', 'Sessions that were stored for the first time.', () => sessions().created),
    counter(
      client,
      'session_conflicts',
      'Writes refused because another request had changed the session meanwhile; each is tried again.',
      () => sessions().conflicts,
    ),
    counter(
      client,
      'session_merges',
      "Commits that were merged with another request's and written.",
      () => sessions().merges,
    ),
    counter(
      client,
      'session_touches',
      'Sessions that were only read, and whose expiry was moved.',
      () => sessions().touches,
    ),
    counter(client, 'session_thefts', 'Ids that came back after they were rotated away.', () => sessions().thefts),
  ]
  for (const metric of ofSessions) registry.registerMetric(metric)
  // Looked up once: labels are hashed at each call otherwise.
  const series = new Map<string, ReturnType<typeof calls.labels>>()

  return {
    onEvent({ event }) {
      events.inc({ event })
      eventTimes.set({ event }, Date.now() / 1000)
      if (event === 'store-down' || event === 'store-up') isUp = event === 'store-up'
    },

    onStoreCall({ verb, outcome, durationMs }) {
      const name = `${verb} ${outcome}`
      let one = series.get(name)
      if (one === undefined) series.set(name, (one = calls.labels(verb, outcome)))
      one.observe(durationMs / 1000)
    },

    watch(watched) {
      if (layer !== undefined) {
        throw new SessionOptionsError(
          'metrics: what sessionMetrics() makes is for one session layer. Make another one, over a registry of its own.',
        )
      }
      layer = watched
      registerFound()
    },
  }
}

type MetricsOf = (client: Client, report: () => StoreReport) => readonly Metric[] | undefined

/** Numbers that a store counts itself. Each group is undefined where the store does not have it. */
const STORE_METRICS: readonly MetricsOf[] = [
  (client, report) =>
    report().copies && [
      gauge(
        client,
        'store_servers_lacking_copies',
        'Primaries with fewer replicas than ack asks for.',
        () => report().copies?.serversLacking,
      ),
      counter(
        client,
        'store_writes_with_fewer_copies',
        'Changes acknowledged with fewer copies than ack asks for.',
        () => report().copies?.writesWithFewer,
      ),
      counter(
        client,
        'store_writes_refused_for_copies',
        'Changes refused because too few copies could have them.',
        () => report().copies?.writesRefused,
      ),
    ],
  (client, report) =>
    report().mirror && [
      gauge(
        client,
        'mirror_queued',
        'Changed records that the mirror does not have yet.',
        () => report().mirror?.queued,
      ),
      gauge(client, 'mirror_lag_milliseconds', 'How long the oldest of them has waited.', () => report().mirror?.lagMs),
      counter(client, 'mirror_copied', 'Records copied to the mirror.', () => report().mirror?.copied),
      counter(client, 'mirror_skipped', 'Changes not queued because too many waited.', () => report().mirror?.skipped),
      gauge(
        client,
        'mirror_refused',
        'Changed records that the mirror refuses, while it takes others.',
        () => report().mirror?.refused,
      ),
    ],
  (client, report) =>
    report().memcached && [
      gauge(
        client,
        'memcached_servers_down',
        'Memcached servers that did not answer their last call.',
        () => report().memcached?.servers.filter(({ isUp }) => !isUp).length,
      ),
      counter(client, 'memcached_restarts', 'Starts of Memcached servers, each of which lost the sessions there.', () =>
        sum(report().memcached?.servers.map(({ restarts }) => restarts)),
      ),
      counter(client, 'memcached_evicted', 'Records that Memcached servers gave up because they were full.', () =>
        sum(report().memcached?.servers.map(({ evicted }) => evicted)),
      ),
    ],
  (client, report) =>
    report().mesh && [
      gauge(client, 'mesh_peers', 'Other nodes of the mesh, linked or not.', () => report().mesh?.peers),
      gauge(client, 'mesh_links', 'Other nodes that this one is linked to.', () => report().mesh?.linked.length),
      counter(client, 'mesh_sent_bytes', 'Bytes sent to other nodes.', () => report().mesh?.sentBytes),
      counter(client, 'mesh_received_bytes', 'Bytes received from other nodes.', () => report().mesh?.receivedBytes),
      counter(
        client,
        'mesh_refusals',
        'Connections refused, by this node or by another.',
        () => report().mesh?.refusals,
      ),
      counter(client, 'mesh_malformed_frames', 'Frames that were no message.', () => report().mesh?.malformed),
      counter(
        client,
        'mesh_strangers_dropped',
        'Connections that proved nothing and made room.',
        () => report().mesh?.strangers,
      ),
      counter(
        client,
        'mesh_records_repaired',
        'Records that differed between nodes and were mended.',
        () => report().mesh?.repaired,
      ),
    ],
]

function sum(numbers: readonly number[] = []): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** Whose value is asked for when metrics are. */
function gauge({ Gauge }: Client, name: string, help: string, value: () => number | undefined): Gauge {
  const made: Gauge = new Gauge({
    name: `ninelives_${name}`,
    help,
    registers: [],
    collect: () => made.set(value() ?? 0),
  })
  return made
}

function counter({ Counter }: Client, name: string, help: string, value: () => number | undefined): Counter {
  const made: Counter = new Counter({
    name: `ninelives_${name}_total`,
    help,
    registers: [],
    collect() {
      made.reset()
      made.inc(value() ?? 0)
    },
  })
  return made
}
