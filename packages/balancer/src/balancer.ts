/** The balancer put together from its parts. Several can live in one process. */
import type { Logger } from 'pino'
import { accessLog } from './access-log.ts'
import { admin } from './admin.ts'
import { ConfigError, faultsOf } from './config-values.ts'
import type { Config } from './config.ts'
import { configuredRouting } from './configured-routing.ts'
import { decisions } from './decisions.ts'
import { front } from './front.ts'
import { listen, urlOf } from './listen.ts'
import { localOperations } from './local-operations.ts'
import { Membership, OperationError } from './membership.ts'
import { metrics } from './metrics.ts'
import type { Operations } from './operations.ts'
import { pool } from './pool.ts'
import type { Pool } from './pool.ts'
import { RoomQueue } from './queue.ts'
import { checkReload } from './reload.ts'
import type { Routing } from './routing.ts'
import { serviceAddresses, systemResolve } from './service-addresses.ts'
import { httpProxyTransport } from './http-proxy-transport.ts'
import { RetryBudget } from './retry-budget.ts'
import type { Transport } from './transport.ts'
import type { Upstream } from './upstream.ts'
import { undiciTransport } from './undici-transport.ts'
import { WaitingRoom } from './waiting-room.ts'

export interface Balancer {
  readonly operations: Operations
  /** For whoever shares what is known of the upstreams with other processes. */
  readonly pool: Pick<Pool, 'upstreams' | 'suspect' | 'onChange'>
  /** Resolves when it takes requests and every upstream has been asked how it is. Rejects with PortInUseError. */
  open(): Promise<BalancerAddresses>
  /** Reads the certificate anew. Resolves false where the new one can't be used, and the one in use stays. */
  reloadCertificate(): Promise<boolean>
  /** Goes on with another configuration. Rejects with ConfigError, and then everything is as it was. */
  reconfigure(next: Config): Promise<void>
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

/** `reread` gives the configuration as it is now written, or throws ConfigError; without it there is no reload by the admin API. */
export function balancer(startedWith: Config, log: Logger, reread?: () => Config): Balancer {
  // Everybody reads this one, so that a reload is a change of what it holds.
  const config: Config = { ...startedWith }
  const parts = assembled(config, log)
  const { clients, upstreams, membership, services, queue, waiting } = parts
  let draining = false

  async function reconfigure(next: Config): Promise<void> {
    checkReload(config, next)
    if (!(await clients.reloadCertificate())) throw new ConfigError([CERTIFICATE_FAULT])
    Object.assign(config, next)
    log.level = config.logLevel
    upstreams.configure()
    clients.configure()
    parts.reroute()
    await Promise.all([membership.reconcile(config.upstreams, 'config', config.upstreamDrainMs), services.refresh()])
  }

  async function reload(): Promise<void> {
    if (reread === undefined)
      throw new OperationError('NOT_SUPPORTED', 'There is nothing to read the configuration from.')
    await reconfigure(reread())
  }

  const operations = localOperations({
    ...parts,
    pool: upstreams,
    drainMs: () => config.upstreamDrainMs,
    isReady: () => !draining,
    reload: () => noted(parts, log, reload()),
  })
  const operators = admin(operations, () => config.adminToken)

  return {
    operations,
    pool: upstreams,
    async open() {
      await Promise.all([upstreams.open(), services.open()])
      const { address, redirectAddress } = await clients.listen()
      const url = urlOf(address, config.tls === undefined ? 'http' : 'https')
      const forClients = redirectAddress === undefined ? { url } : { url, redirectUrl: urlOf(redirectAddress) }
      if (config.adminPort === undefined) return forClients
      return { ...forClients, adminUrl: urlOf(await listen(operators, config.adminPort, config.adminHost)) }
    },
    reloadCertificate: () => clients.reloadCertificate(),
    reconfigure: (next) => noted(parts, log, reconfigure(next)),
    async close() {
      draining = true
      await clients.drain(config.drainMs)
      queue.close()
      waiting.close()
      services.close()
      operators.close()
      operators.closeAllConnections()
      upstreams.close()
    },
  }
}

const CERTIFICATE_FAULT = {
  key: 'TLS_CERT',
  message: 'TLS_CERT or TLS_KEY has changed to what can not be used, but takes a certificate and its key.',
}

function transport(config: Config): Transport {
  const byHttpProxy = httpProxyTransport(config)
  return config.transport === 'undici' ? undiciTransport(config, byHttpProxy) : byHttpProxy
}

function assembled(config: Config, log: Logger) {
  const counted = metrics()
  const noted = decisions()
  const queue = new RoomQueue(config, counted, now)
  const room = (upstream: Upstream) => queue.room(upstream)
  const waiting = new WaitingRoom(config, counted, now)
  const usable = () => waiting.open()
  const upstreams = pool(config, { log, metrics: counted, now, random: Math.random, room, usable })
  counted.watch(upstreams.upstreams, () => queue.length + waiting.length)
  const membership = new Membership(upstreams, now)
  const services = serviceAddresses({ config, membership, resolve: systemResolve, log })
  let configured = configuredRouting(config, upstreams.upstreams, log)
  const routing: Routing = { pick: (cookie, tried, patient) => configured.pick(cookie, tried, patient) }
  const clients = front({
    config,
    transport: transport(config),
    pool: upstreams,
    routing,
    queue,
    room: waiting,
    budget: new RetryBudget(config, performance.now()),
    metrics: counted,
    decisions: noted,
    accessLog: accessLog(log, () => config.accessLogPerS),
    log,
  })
  upstreams.onChange((upstream, to) => {
    noted.note('health', to, undefined, upstream.name, undefined)
    queue.changed(upstream)
    if (to === 'gone') counted.forget(upstream.name)
    // Where nobody takes its place a WebSocket is better off where it is.
    if (to !== 'up' && upstreams.upstreams.some(({ standing }) => standing === 'up')) clients.move(upstream)
  })
  const reroute = () => {
    configured = configuredRouting(config, upstreams.upstreams, log)
  }
  return { metrics: counted, decisions: noted, queue, waiting, upstreams, membership, services, clients, reroute }
}

/** What became of a reload, for whoever looks: in the log each fault has a line of its own. */
async function noted(
  { metrics, decisions }: Pick<ReturnType<typeof assembled>, 'metrics' | 'decisions'>,
  log: Logger,
  reloading: Promise<void>,
): Promise<void> {
  try {
    await reloading
    metrics.reloaded('applied')
    decisions.note('admin', 'reloaded', undefined, undefined, undefined)
    log.info({ event: 'reloaded' })
  } catch (error) {
    metrics.reloaded('refused')
    for (const reason of faultsOf(error)) {
      decisions.note('admin', 'reload-refused', undefined, undefined, reason)
      log.error({ event: 'reload-refused', reason })
    }
    throw error
  }
}
