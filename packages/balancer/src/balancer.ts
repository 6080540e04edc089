/** The balancer put together from its parts. Several can live in one process. */
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { admin } from './admin.ts'
import { affinityCookies } from './affinity-cookies.ts'
import type { Config } from './config.ts'
import { front } from './front.ts'
import { listen, urlOf } from './listen.ts'
import { metrics } from './metrics.ts'
import { pool } from './pool.ts'
import { affinity, roundRobin } from './routing.ts'
import type { Routing } from './routing.ts'
import { httpProxyTransport } from './transport.ts'
import type { Upstream } from './upstream.ts'

export interface Balancer {
  /** Resolves when it takes requests and every upstream has been asked how it is. Rejects with PortInUseError. */
  open(): Promise<{ readonly url: string; readonly adminUrl?: string }>
  /** Finishes what is under way, for `drainMs` at most, and gives back every socket and timer. */
  close(): Promise<void>
}

export function balancer(config: Config, log: Logger): Balancer {
  const counted = metrics()
  const upstreams = pool(config, { log, metrics: counted, now: () => performance.now(), random: Math.random })
  counted.watch(upstreams.upstreams)
  const routing = routingOf(config, upstreams.upstreams, log)
  const transport = httpProxyTransport()
  const clients = front({ config, transport, pool: upstreams, routing, metrics: counted, log })
  const operators = admin({ metrics: counted, upstreams: upstreams.upstreams })

  return {
    async open() {
      await upstreams.open()
      const url = urlOf(await clients.listen())
      if (config.adminPort === undefined) return { url }
      return { url, adminUrl: urlOf(await listen(operators, config.adminPort, config.adminHost)) }
    },
    async close() {
      await clients.drain(config.drainMs)
      operators.close()
      operators.closeAllConnections()
      upstreams.close()
    },
  }
}

const KEY_BYTES = 32

function routingOf(config: Config, upstreams: readonly Upstream[], log: Logger): Routing {
  if (config.routing === 'round-robin') return roundRobin(upstreams)
  if (config.affinityKeys === undefined) {
    log.warn('AFFINITY_KEYS is not set: a key was made up, so clients will be pinned anew after a restart')
  }
  const keys = config.affinityKeys ?? [randomBytes(KEY_BYTES).toString('base64url')]
  const names = upstreams.map((upstream) => upstream.name)
  return affinity(upstreams, affinityCookies({ names, keys, secure: config.cookieSecure }))
}
