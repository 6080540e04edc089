/**
 * The listener that clients see: it bounds what they may do, turns each request into an exchange, and stops without
 * cutting any short.
 */
import { randomUUID } from 'node:crypto'
import { ServerResponse, createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ClientConnection } from './client-connection.ts'
import type { Config } from './config.ts'
import type { ErrorCode } from './error-answer.ts'
import { Exchange } from './exchange.ts'
import type { ExchangeOptions, ExchangeServices } from './exchange.ts'
import { inFlight } from './in-flight.ts'
import { listen } from './listen.ts'
import { hasBody } from './request-target.ts'
import { tunnels } from './tunnels.ts'

export interface Front {
  listen(): Promise<AddressInfo>
  /** Stops accepting; resolves when all that was under way is over, or the time is up and the rest was cut. */
  drain(limitMs: number): Promise<void>
}

export type FrontServices = Omit<ExchangeServices, 'draining'> & { readonly config: Config }

export function front(services: FrontServices): Front {
  const { config } = services
  const connections = new WeakMap<Duplex, ClientConnection>()
  const open = inFlight()
  const upgraded = tunnels(config.clientHalfClosedMs)
  let draining = false
  const exchangeServices = { ...services, draining: () => draining }
  const server = boundedServer(config, (request) => connections.get(request.socket)?.busy === false)

  function exchange(
    request: IncomingMessage,
    response: ServerResponse,
    options?: Pick<ExchangeOptions, 'awaitsContinue' | 'join'>,
  ): Exchange {
    const connection = connections.get(request.socket)
    const over = (ended: Exchange) => {
      connection?.over(ended)
      open.left()
    }
    const clientAddress = connection?.address ?? ''
    const entered = new Exchange(request, response, exchangeServices, { ...options, clientAddress, over })
    connection?.entered(entered)
    open.entered()
    return entered
  }

  server.on('connection', (socket) => connections.set(socket, new ClientConnection(socket, config.clientHalfClosedMs)))
  server.on('request', (request, response) => exchange(request, response).begin())
  server.on('checkContinue', (request, response) => exchange(request, response, { awaitsContinue: true }).begin())
  server.on('checkExpectation', (request, response) => exchange(request, response).refuse('EXPECTATION_FAILED'))
  server.on('upgrade', (request, socket: Socket, head) => {
    const client = { socket, head }
    const join: ExchangeOptions['join'] = (upstream, end) => upgraded.open(upstream, [client, end])
    exchange(request, lastResponse(request, socket), { join }).begin()
  })
  server.on('connect', (_request, socket) => connections.get(socket)?.malformed('NOT_IMPLEMENTED', randomUUID()))
  server.on('clientError', (error, socket) => connections.get(socket)?.malformed(codeOf(error), randomUUID()))

  return {
    async listen() {
      const address = await listen(server, config.port, config.host)
      // A connection that could not be accepted, as when descriptors run out, must not end those that were.
      server.on('error', (error) => services.log.error({ error: error.message }, 'accepting failed'))
      return address
    },
    async drain(limitMs) {
      draining = true
      server.close()
      await open.settled(limitMs)
      upgraded.closeAll()
      server.closeAllConnections()
    },
  }
}

/** How often connections are looked over for one that ran out of time. */
const TIMEOUT_CHECK_MS = 1_000

function boundedServer(config: Config, mayUpgrade: (request: IncomingMessage) => boolean): Server {
  const server = createServer({
    maxHeaderSize: config.clientHeaderBytesMax,
    headersTimeout: config.clientHeadersTimeoutMs,
    requestTimeout: config.clientRequestTimeoutMs,
    connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, config.clientHeadersTimeoutMs),
    keepAliveTimeout: config.clientKeepAliveMs,
    // A missing Host is refused like every other fault, and in the same format.
    requireHostHeader: false,
    optimizeEmptyRequests: true,
    shouldUpgradeCallback: (request) => isUpgrade(request) && mayUpgrade(request),
  })
  server.maxConnections = config.clientConnectionsMax
  // A client that does not take the last of its answer. Longer than the balancer itself may let one wait.
  server.timeout = config.attemptsMax * config.attemptTimeoutMs + config.answerIdleMs
  // In none of Node's documentation: a client that closed its sending side is answered nevertheless.
  return Object.assign(server, { httpAllowHalfOpen: true })
}

/** Anything else that asks for an upgrade is an ordinary request whose wish is not granted, as HTTP allows. */
function isUpgrade(request: IncomingMessage): boolean {
  const websocket = request.headers.upgrade?.toLowerCase() === 'websocket'
  return websocket && request.method === 'GET' && request.httpVersion === '1.1' && !hasBody(request)
}

/** Node makes no response for an upgrade, but the upstream may well refuse it. */
function lastResponse(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.once('finish', () => socket.destroySoon())
  return response
}

function codeOf({ code }: NodeJS.ErrnoException): ErrorCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'REQUEST_TIMEOUT'
  if (code === 'HPE_HEADER_OVERFLOW') return 'HEADERS_TOO_LARGE'
  return code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW' ? 'CHUNK_EXTENSIONS_TOO_LARGE' : 'BAD_REQUEST'
}
