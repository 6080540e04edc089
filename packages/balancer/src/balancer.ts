/** The balancer put together from its parts. Several can live in one process. */
import type { Logger } from 'pino'
import { accessLog } from './access-log.ts'
import { admin } from './admin.ts'
import type { Config } from './config.ts'
import { configuredRouting } from './configured-routing.ts'
import { decisions } from './decisions.ts'
import { front } from './front.ts'
import { listen, urlOf } from './listen.ts'
import { metrics } from './metrics.ts'
import { pool } from './pool.ts'
import { RoomQueue } from './queue.ts'
import { httpProxyTransport } from './transport.ts'
import type { Upstream } from './upstream.ts'

export interface Balancer {
  /** Resolves when it takes requests and every upstream has been asked how it is. Rejects with PortInUseError. */
  open(): Promise<BalancerAddresses>
  /** Reads the certificate anew. Resolves false where the new one can't be used, and the one in use stays. */
  reloadCertificate(): Promise<boolean>
  /** Finishes what is under way, for `drainMs` at most, and gives back every socket and timer. */
  close(): Promise<void>
}

export interface BalancerAddresses {
  readonly url: string
  /** Where plain HTTP is told to come by TLS. */
  readonly redirectUrl?: string
  readonly adminUrl?: string
}

const now = performance.now.bind(performance)

export function balancer(config: Config, log: Logger): Balancer {
  const counted = metrics()
  const noted = decisions()
  const queue = new RoomQueue(config, counted, now)
  const room = (upstream: Upstream) => queue.room(upstream)
  const upstreams = pool(config, { log, metrics: counted, now, random: Math.random, room })
  counted.watch(upstreams.upstreams, () => queue.length)
  const routing = configuredRouting(config, upstreams.upstreams, log)
  const transport = httpProxyTransport()
  const clients = front({
    config,
    transport,
    pool: upstreams,
    routing,
    queue,
    metrics: counted,
    decisions: noted,
    accessLog: accessLog(log, () => config.accessLogPerS),
    log,
  })
  upstreams.onChange((upstream, to) => {
    noted.note('health', to, undefined, upstream.name, undefined)
    queue.changed(upstream)
    if (to === 'gone') counted.forget(upstream.name)
    if (to !== 'up' && upstreams.upstreams.some(({ standing }) => standing === 'up')) clients.move(upstream)
  })
  const operators = admin({ metrics: counted, upstreams: upstreams.upstreams })

  return {
    async open() {
      await upstreams.open()
      const { address, redirectAddress } = await clients.listen()
      const url = urlOf(address, config.tls === undefined ? 'http' : 'https')
      const forClients = redirectAddress === undefined ? { url } : { url, redirectUrl: urlOf(redirectAddress) }
      if (config.adminPort === undefined) return forClients
      return { ...forClients, adminUrl: urlOf(await listen(operators, config.adminPort, config.adminHost)) }
    },
    reloadCertificate: () => clients.reloadCertificate(),
    async close() {
      await clients.drain(config.drainMs)
      queue.close()
      operators.close()
      operators.closeAllConnections()
      upstreams.close()
    },
  }
}
