/** The balancer put together from its parts. Several can live in one process. */
import type { Logger } from 'pino'
import { admin } from './admin.ts'
import type { Config } from './config.ts'
import { configuredRouting } from './configured-routing.ts'
import { front } from './front.ts'
import { listen, urlOf } from './listen.ts'
import { metrics } from './metrics.ts'
import { pool } from './pool.ts'
import { httpProxyTransport } from './transport.ts'

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
  const routing = configuredRouting(config, upstreams.upstreams, log)
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
