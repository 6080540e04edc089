/** The clients' side of the balancer: each request becomes an exchange on its connection. It stops without cutting any short. */
import { randomUUID } from 'node:crypto'
import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ClientConnection } from './client-connection.ts'
import { ClientRequest } from './client-request.ts'
import { clientListeners } from './client-listeners.ts'
import type { ClientListeners, FrontAddresses } from './client-listeners.ts'
import { clientServer, limitServer } from './client-server.ts'
import type { ClientServer } from './client-server.ts'
import type { Config } from '../config/config.ts'
import { errorCodeOf } from '../request/error-answer.ts'
import type { ErrorCode } from '../request/error-answer.ts'
import { Exchange } from '../request/exchange.ts'
import type { ExchangeOptions, ExchangeServices } from '../request/exchange.ts'
import { forwardedClient } from '../request/forwarded-client.ts'
import { framingFault } from '../request/framing.ts'
import { inFlight } from './in-flight.ts'
import { hasBody } from '../request/request-target.ts'
import { trustedProxies } from '../config/address-ranges.ts'
import { tunnels } from './tunnels.ts'
import { GOING_AWAY } from './websocket-frames.ts'

export interface Front {
  /** Rejects with PortInUseError or CertificateError. */
  listen(): Promise<FrontAddresses>
  /** Instead of listening, in a process that gets its connections from its parent. Rejects with CertificateError. */
  receive(): ReturnType<ClientListeners['receive']>
  readonly server: ClientServer
  /** Reads the certificate again. Resolves with a function that puts it in use; rejects with CertificateError, and the one in use stays. */
  prepareCertificate(): Promise<() => void>
  /** Takes the limits of the configuration as it now is. */
  configure(): void
  /** Tells the WebSockets of every upstream that is out to reconnect, if another is up. */
  moveReplaced(): void
  /** Stops accepting; resolves when all exchanges are over, or the time is up and the rest was cut. */
  drain(limitMs: number): Promise<void>
}

export type FrontServices = Omit<ExchangeServices, 'draining'> & { readonly config: Config }

type EnterOptions = Pick<ExchangeOptions, 'awaitsContinue' | 'join'> & { readonly fault?: ErrorCode }

export function front(services: FrontServices): Front {
  const { config, pool } = services
  const connections = new WeakMap<Duplex, ClientConnection>()
  const open = inFlight()
  const upgraded = tunnels({
    halfClosedMs: config.clientHalfClosedMs,
    isReplaced: ({ standing }) => standing !== 'up' && pool.upstreams.some((each) => each.standing === 'up'),
  })
  const answerFields =
    config.hstsMaxAgeS > 0 ? ['Strict-Transport-Security', `max-age=${config.hstsMaxAgeS}`] : undefined
  const forwarding = { trusts: trustedProxies(config.trustedProxies), header: config.trustedHeader }
  let draining = false
  const exchangeServices = { ...services, draining: () => draining }
  const mayUpgrade = (request: IncomingMessage) =>
    asksForWebsocket(request) && connections.get(request.socket)?.mayUpgrade === true
  const server = clientServer(config, mayUpgrade)

  function enter(request: IncomingMessage, response: ServerResponse, options: EnterOptions = {}): void {
    const connection = connections.get(request.socket)
    if (connection === undefined) return
    const over = () => {
      open.left()
      connection.over(exchange)
    }
    const client = forwardedClient(connection.origin, request.headers, forwarding)
    const about = { ...options, client, over, answerFields }
    const exchange = new Exchange(request, response, exchangeServices, about)
    open.entered()
    if (request instanceof ClientRequest && request.headers['transfer-encoding'] !== undefined) {
      request.limitBody(config.clientBodyBytesMax, () => connection.refuseRest(exchange, 'BODY_TOO_LARGE'))
    }
    connection.enter(exchange, framingFault(request, config) ?? options.fault, hasBody(request))
  }

  server.on(config.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    connections.set(socket, new ClientConnection(socket, listeners.originOf(socket), config))
  })
  server.on('request', (request, response) => enter(request, response))
  server.on('checkContinue', (request, response) => enter(request, response, { awaitsContinue: true }))
  server.on('checkExpectation', (request, response) => enter(request, response, { fault: 'EXPECTATION_FAILED' }))
  server.on('upgrade', (request, socket: Socket, head) => {
    // Node before 22.21 and 24.9 does not ask: it makes an upgrade of every request that has the field.
    if (!mayUpgrade(request)) return connections.get(socket)?.malformed('NOT_IMPLEMENTED', randomUUID())
    const client = { socket, head }
    const join: ExchangeOptions['join'] = (upstream, end) => upgraded.open(upstream, [client, end])
    enter(request, lastResponse(request, socket), { join })
  })
  server.on('connect', (_request, socket) => connections.get(socket)?.malformed('NOT_IMPLEMENTED', randomUUID()))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const connection = connections.get(socket)
    // Bytes behind the last request of a connection are ignored (RFC 9112, section 9.6); that request still gets its answer.
    if (error.code === BEHIND_THE_LAST && connection !== undefined) return
    // Without one the TLS handshake was never completed.
    if (connection === undefined) socket.destroy()
    else connection.malformed(errorCodeOf(error), randomUUID())
  })
  // Last, because the gate must come before every other connection listener.
  const listeners = clientListeners({ ...services, server })

  return {
    listen: () => listeners.listen(),
    receive: () => listeners.receive(),
    server,
    prepareCertificate: () => listeners.prepareCertificate(),
    configure: () => limitServer(server, config),
    moveReplaced: () => upgraded.moveReplaced(),
    async drain(limitMs) {
      draining = true
      listeners.close()
      upgraded.moveAll(GOING_AWAY)
      await Promise.all([open.settled(limitMs), upgraded.settled(limitMs)])
      upgraded.closeAll()
      server.closeAllConnections()
    },
  }
}

/** Any other upgrade is ignored, as HTTP allows, and the request is an ordinary one. */
function asksForWebsocket(request: IncomingMessage): boolean {
  const websocket = request.headers.upgrade?.toLowerCase() === 'websocket'
  return websocket && request.method === 'GET' && request.httpVersion === '1.1' && !hasBody(request)
}

/** Node makes no response for an upgrade, but the upstream may refuse it, and that answer needs one. */
function lastResponse(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  // The server's own listeners are removed, also the one that did this.
  socket.on('drain', () => response.emit('drain'))
  response.once('finish', () => socket.destroySoon())
  return response
}

const BEHIND_THE_LAST = 'HPE_CLOSED_CONNECTION'
