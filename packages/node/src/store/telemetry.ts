/** What the session layer and the shop tell, as lines of the log and as metrics. */
import type { Logger } from 'pino'
import { Counter, Gauge, Histogram, type Metric } from '@prometheus-io/client'
import {
  eventLog,
  type SessionLayerEvent,
  type SessionStore,
  type StoreCall,
  type StoreReport,
} from '@ninelives/sessions'

export interface NodeTelemetry {
  readonly onEvent: (event: SessionLayerEvent) => void
  readonly onStoreCall: (call: StoreCall) => void
  /** How a login ended. */
  readonly login: (ended: LoginEnded) => void
  /** To be registered where metrics are asked for. What a store reports is asked of it then. */
  metrics(store: SessionStore): readonly Metric[]
}

export interface LoginEnded {
  readonly outcome: 'accepted' | 'refused' | 'throttled'
  readonly requestId: string
  readonly address: string
  /** Of an account that exists. A name that does not may be a password in the wrong field. */
  readonly user: string | undefined
}

const CALL_BUCKETS_S = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2]

export function nodeTelemetry(log: Logger): NodeTelemetry {
  const tell = eventLog(log)
  const registers: [] = []
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
  const logins = new Counter({
    name: 'ninelives_logins_total',
    help: 'Attempts to log in, by outcome: accepted, refused, throttled.',
    labelNames: ['outcome'],
    registers,
  })
  const calls = new Histogram({
    name: 'ninelives_store_call_duration_seconds',
    help: 'Calls to the session store, by verb and outcome.',
    labelNames: ['verb', 'outcome'],
    buckets: CALL_BUCKETS_S,
    registers,
  })
  const up = new Gauge({
    name: 'ninelives_store_up',
    help: '1 while calls are sent to the session store, 0 while its breaker is open.',
    registers,
  })
  up.set(1)
  // Looked up once: labels are hashed at each call otherwise.
  const series = new Map<string, ReturnType<typeof calls.labels>>()

  return {
    onEvent(event) {
      events.inc({ event: event.event })
      eventTimes.set({ event: event.event }, Date.now() / 1000)
      if (event.event === 'store-down' || event.event === 'store-up') up.set(event.event === 'store-up' ? 1 : 0)
      tell(event)
    },

    onStoreCall({ verb, outcome, durationMs }) {
      const name = `${verb} ${outcome}`
      let one = series.get(name)
      if (one === undefined) series.set(name, (one = calls.labels(verb, outcome)))
      one.observe(durationMs / 1000)
    },

    login({ outcome, ...about }) {
      logins.inc({ outcome })
      const level = outcome === 'accepted' ? 'info' : 'warn'
      log[level]({ event: `login-${outcome}`, ...about }, `a login was ${outcome}`)
    },

    metrics: (store) => [events, eventTimes, logins, calls, up, ...reported(store)],
  }
}

/** Numbers that a store counts itself, each only where the store has it. */
function reported(store: SessionStore): Metric[] {
  const report = (): StoreReport => store.report?.() ?? { warnings: [] }
  const { copies, memcached, mesh, mirror } = report()
  const ofCopies = () => [
    gauge(
      'store_servers_lacking_copies',
      'Primaries with fewer replicas than ack asks for.',
      () => report().copies?.serversLacking,
    ),
    counter(
      'store_writes_with_fewer_copies',
      'Changes acknowledged with fewer copies than ack asks for.',
      () => report().copies?.writesWithFewer,
    ),
    counter(
      'store_writes_refused_for_copies',
      'Changes refused because too few copies could have them.',
      () => report().copies?.writesRefused,
    ),
  ]
  const ofMirror = () => [
    gauge('mirror_queued', 'Changed records that the mirror does not have yet.', () => report().mirror?.queued),
    gauge('mirror_lag_milliseconds', 'How long the oldest of them has waited.', () => report().mirror?.lagMs),
    counter('mirror_copied', 'Records copied to the mirror.', () => report().mirror?.copied),
    counter('mirror_skipped', 'Changes not queued because too many waited.', () => report().mirror?.skipped),
  ]
  const ofMemcached = () => [
    gauge(
      'memcached_servers_down',
      'Memcached servers that did not answer their last call.',
      () => report().memcached?.servers.filter(({ isUp }) => !isUp).length,
    ),
    counter('memcached_restarts', 'Starts of Memcached servers, each of which lost the sessions there.', () =>
      sum(report().memcached?.servers.map(({ restarts }) => restarts)),
    ),
    counter('memcached_evicted', 'Records that Memcached servers gave up because they were full.', () =>
      sum(report().memcached?.servers.map(({ evicted }) => evicted)),
    ),
  ]
  const ofMesh = () => [
    gauge('mesh_peers', 'Other nodes of the mesh, linked or not.', () => report().mesh?.peers),
    gauge('mesh_links', 'Other nodes that this one is linked to.', () => report().mesh?.linked.length),
    counter('mesh_sent_bytes', 'Bytes sent to other nodes.', () => report().mesh?.sentBytes),
    counter('mesh_received_bytes', 'Bytes received from other nodes.', () => report().mesh?.receivedBytes),
    counter('mesh_refusals', 'Connections refused, by this node or by another.', () => report().mesh?.refusals),
    counter('mesh_malformed_frames', 'Frames that were no message.', () => report().mesh?.malformed),
    counter('mesh_strangers_dropped', 'Connections that proved nothing and made room.', () => report().mesh?.strangers),
    counter(
      'mesh_records_repaired',
      'Records that differed between nodes and were mended.',
      () => report().mesh?.repaired,
    ),
  ]
  return [
    ...(copies === undefined ? [] : ofCopies()),
    ...(memcached === undefined ? [] : ofMemcached()),
    ...(mirror === undefined ? [] : ofMirror()),
    ...(mesh === undefined ? [] : ofMesh()),
  ]
}

function sum(numbers: readonly number[] = []): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** Whose value is asked for when metrics are. */
function gauge(name: string, help: string, value: () => number | undefined): Gauge {
  const made: Gauge = new Gauge({
    name: `ninelives_${name}`,
    help,
    registers: [],
    collect: () => made.set(value() ?? 0),
  })
  return made
}

function counter(name: string, help: string, value: () => number | undefined): Counter {
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
