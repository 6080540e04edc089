/** The balancer in one process: it decides which upstreams there are, and serves clients. Several can live in one process. */
import type { Logger } from 'pino'
import { admin } from './admin/admin.ts'
import { CertificateError } from './tls/certificates.ts'
import { ConfigError } from './config/config-values.ts'
import type { Config } from './config/config.ts'
import { Directory } from './upstreams/directory.ts'
import { listen, urlOf } from './clients/listen.ts'
import { localOperations } from './admin/local-operations.ts'
import { OperationError } from './upstreams/change.ts'
import type { Operations } from './admin/operations.ts'
import { certificateFault, checkReload, Reloads } from './admin/reload.ts'
import { systemResolve } from './upstreams/resolver.ts'
import { serving } from './serving.ts'

export interface Balancer {
  readonly operations: Operations
  /** Resolves when it takes requests and every upstream has been probed. Rejects with PortInUseError. */
  open(): Promise<BalancerAddresses>
  /** Finishes what is under way, for `drainMs` at most, and gives back every socket and timer. */
  close(): Promise<void>
}

export interface BalancerAddresses {
  readonly url: string
  /** Where plain HTTP is redirected to TLS. */
  readonly redirectUrl?: string
  readonly adminUrl?: string
}

/** `reread` reads the configuration again, or throws ConfigError; without it the admin API can't reload. */
export function balancer(startedWith: Config, log: Logger, reread?: () => Config): Balancer {
  let config = startedWith
  const served = serving(startedWith, log, (url, since) => directory.departed(url, since))
  const { clients, upstreams, membership, metrics, decisions } = served
  const publish = membership.apply.bind(membership)
  const directory = new Directory({ config: () => config, resolve: systemResolve, log, publish })
  let draining = false

  async function reload(): Promise<void> {
    if (reread === undefined)
      throw new OperationError('NOT_SUPPORTED', 'There is nothing to read the configuration from.')
    const next = reread()
    checkReload(config, next)
    const prepared = await directory.prepare(next)
    const useCertificate = await clients.prepareCertificate().catch((error: Error) => {
      throw error instanceof CertificateError ? new ConfigError([certificateFault(error)]) : error
    })
    // From here on nothing waits: what is checked now is what takes effect.
    prepared.check()
    config = next
    useCertificate()
    served.configure(next)
    await prepared.commit()
  }

  const reloads = new Reloads(reload, { log, decisions, counted: (outcome) => metrics.reloaded(outcome) })
  const operations = localOperations({
    ...served,
    directory,
    isReady: () => !draining && upstreams.upstreams.length > 0,
    reload: () => reloads.run(),
  })
  const operators = admin(operations, () => config.adminToken)

  return {
    operations,
    async open() {
      await directory.open()
      await membership.apply(directory.snapshot)
      await upstreams.open()
      const { address, redirectAddress } = await clients.listen()
      const url = urlOf(address, config.tls === undefined ? 'http' : 'https')
      const forClients = redirectAddress === undefined ? { url } : { url, redirectUrl: urlOf(redirectAddress) }
      if (config.adminPort === undefined) return forClients
      return { ...forClients, adminUrl: urlOf(await listen(operators, config.adminPort, config.adminHost)) }
    },
    async close() {
      draining = true
      await served.close()
      directory.close()
      operators.close()
      operators.closeAllConnections()
    },
  }
}
