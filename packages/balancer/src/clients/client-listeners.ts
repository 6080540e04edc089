/**
 * The listeners for clients: one server, plain or with TLS, and beside TLS a plain one that redirects to it. Both stand behind the same
 * gate.
 */
import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Logger } from 'pino'
import { certificates } from '../tls/certificates.ts'
import type { Certificate } from '../tls/certificates.ts'
import { useCertificate } from './client-server.ts'
import type { ClientServer } from './client-server.ts'
import type { Config } from '../config/config.ts'
import { gate } from './gate.ts'
import type { ClientOrigin } from '../request/header-rewriting.ts'
import { listen } from './listen.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { certificateHosts, isConfiguredHost } from '../tls/public-hosts.ts'
import type { IsOwnHost } from '../tls/public-hosts.ts'
import { redirect } from '../tls/redirect.ts'

/** The listener that a connection came to. */
export type Entrance = 'clients' | 'redirect'

export interface FrontAddresses {
  readonly address: AddressInfo
  readonly redirectAddress: AddressInfo | undefined
}

export interface ClientListeners {
  /** The client of a connection that is being opened. */
  originOf(socket: Socket): ClientOrigin
  /** Rejects with PortInUseError or CertificateError. */
  listen(): Promise<FrontAddresses>
  /** Instead of listening: resolves with a function that takes each connection. Rejects with CertificateError. */
  receive(): Promise<(entrance: Entrance, socket: Socket) => void>
  prepareCertificate(): Promise<() => void>
  /** Takes no more connections. Open ones belong to their owner. */
  close(): void
}

export interface ClientListenersOptions {
  readonly config: Config
  readonly server: ClientServer
  readonly metrics: Metrics
  readonly log: Logger
}

export function clientListeners({ config, server, metrics, log }: ClientListenersOptions): ClientListeners {
  let securePort = config.publicPort ?? config.port
  let isCertifiedHost: IsOwnHost | undefined
  const changed = (certificate: Certificate) => {
    useCertificate(server, certificate)
    isCertifiedHost = certificateHosts(certificate)
  }
  const isOwnHost: IsOwnHost = (host) =>
    config.publicHosts === undefined ? isCertifiedHost?.(host) === true : isConfiguredHost(host, config.publicHosts)
  const redirectTo = { securePort: () => securePort, isOwnHost }
  const redirecting = config.redirectPort === undefined ? undefined : redirect(config, redirectTo)
  const presented =
    config.tls && certificates({ files: config.tls, checkIntervalMs: config.tlsCheckMs, log, metrics, changed })
  const guarded = gate(config, (bound) => metrics.refusedConnection(bound))
  guarded.guard(server)
  server.on('drop', () => metrics.refusedConnection('total'))
  if (redirecting !== undefined) guarded.guard(redirecting)

  async function open(each: Server | ClientServer, port: number): Promise<AddressInfo> {
    const address = await listen(each, port, config.host)
    // A connection that could not be accepted, for example without free descriptors, must not end the open ones.
    each.on('error', (error) => log.error({ error: error.message }, 'accepting failed'))
    return address
  }

  return {
    originOf: (socket) => guarded.originOf(socket),
    async listen() {
      if (presented !== undefined) changed(await presented.open())
      const address = await open(server, config.port)
      securePort = config.publicPort ?? address.port
      return { address, redirectAddress: redirecting && (await open(redirecting, config.redirectPort ?? 0)) }
    },
    async receive() {
      if (presented !== undefined) changed(await presented.open())
      const servers = { clients: server, redirect: redirecting }
      // listen() also starts the timeouts of connections.
      for (const each of [server, redirecting]) each?.emit('listening')
      return (entrance, socket) => void servers[entrance]?.emit('connection', socket)
    },
    async prepareCertificate() {
      return presented === undefined ? () => {} : await presented.prepare()
    },
    close() {
      presented?.close()
      guarded.close()
      server.close()
      redirecting?.close()
      redirecting?.closeAllConnections()
    },
  }
}
