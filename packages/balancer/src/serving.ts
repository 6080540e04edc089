/** Serves clients in one process. Snapshots tell it which upstreams there are. */
import type { Logger } from 'pino'
import { accessLog } from './telemetry/access-log.ts'
import { resentLog } from './telemetry/resent-log.ts'
import { CapacityQueue } from './queues/capacity-queue.ts'
import type { Config } from './config/config.ts'
import { configuredRouting } from './routing/configured-routing.ts'
import { decisions } from './telemetry/decisions.ts'
import type { Decisions } from './telemetry/decisions.ts'
import { front } from './clients/front.ts'
import type { Front } from './clients/front.ts'
import { httpProxyTransport } from './transports/http-proxy-transport.ts'
import { Membership } from './upstreams/membership.ts'
import type { MembershipOptions } from './upstreams/membership.ts'
import { metrics } from './telemetry/metrics.ts'
import type { Metrics } from './telemetry/metrics.ts'
import { OutageQueue } from './queues/outage-queue.ts'
import { pool } from './upstreams/pool.ts'
import type { Pool } from './upstreams/pool.ts'
import { RetryBudget } from './request/retry-budget.ts'
import type { Routing } from './routing/routing.ts'
import type { Transport } from './transports/transport.ts'
import { undiciTransport } from './transports/undici-transport.ts'
import type { Upstream } from './upstreams/upstream.ts'

export interface Serving {
  readonly clients: Front
  readonly upstreams: Pool
  readonly membership: Membership
  readonly metrics: Metrics
  readonly decisions: Decisions
  /** Takes the settings of another configuration. What can't change without a restart must have been refused before. */
  configure(next: Config): void
  /** Finishes what is under way, for `drainMs` at most, and gives back every socket and timer. */
  close(): Promise<void>
}

const now = performance.now.bind(performance)

export function serving(startedWith: Config, log: Logger, departed: MembershipOptions['departed']): Serving {
  // Every part reads this object, so that a reload changes its content.
  const config: Config = { ...startedWith }
  const counted = metrics()
  const noted = decisions()
  const capacity = new CapacityQueue(config, counted, now)
  const outage = new OutageQueue(config, counted, now)
  const room = (upstream: Upstream) => capacity.room(upstream)
  const changed = () => {
    if (upstreams.hasEligible()) outage.open()
    capacity.changed()
  }
  const upstreams = pool(config, { log, metrics: counted, now, random: Math.random, room, changed })
  counted.watch(upstreams.upstreams, () => capacity.length + outage.length)
  const membership = new Membership({ pool: upstreams, now, departed })
  let configured = configuredRouting(config, upstreams.upstreams, log)
  const routing: Routing = { pick: (cookie, tried, patient) => configured.pick(cookie, tried, patient) }
  const clients = front({
    config,
    transport: transport(config),
    pool: upstreams,
    routing,
    capacity,
    outage,
    budget: new RetryBudget(config, performance.now()),
    metrics: counted,
    decisions: noted,
    accessLog: accessLog(log, () => config.accessLogPerS),
    resentLog: resentLog(log),
    log,
  })
  upstreams.onChange((upstream, to) => {
    noted.note('health', to, undefined, upstream.name, undefined)
    if (to === 'gone') counted.forget(upstream.name)
    clients.moveReplaced()
  })

  return {
    clients,
    upstreams,
    membership,
    metrics: counted,
    decisions: noted,
    configure(next) {
      Object.assign(config, next)
      log.level = config.logLevel
      configured = configuredRouting(config, upstreams.upstreams, log)
      upstreams.configure()
      clients.configure()
    },
    async close() {
      await clients.drain(config.drainMs)
      capacity.close()
      outage.close()
      membership.close()
      upstreams.close()
    },
  }
}

function transport(config: Config): Transport {
  const byHttpProxy = httpProxyTransport(config)
  return config.transport === 'undici' ? undiciTransport(config, byHttpProxy) : byHttpProxy
}
