/** The server that clients connect to, plain or by TLS, with all that bounds what a connection may take. */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerOptions } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Server as SecureServer } from 'node:https'
import type { Certificate } from '../tls/certificates.ts'
import { ClientRequest } from './client-request.ts'
import type { Config } from '../config/config.ts'
import { hasBody } from '../request/request-target.ts'

/** How often connections are looked over for one that ran out of time. */
const TIMEOUT_CHECK_MS = 1_000

export type ClientServer = Server<typeof ClientRequest>

/** `mayUpgrade`: whether nothing else is under way on the connection. By TLS it needs a certificate before it can answer. */
export function clientServer(config: Config, mayUpgrade: (request: IncomingMessage) => boolean): ClientServer {
  const options: ServerOptions<typeof ClientRequest> = {
    IncomingMessage: ClientRequest,
    maxHeaderSize: config.clientHeaderBytesMax,
    headersTimeout: config.clientHeadersTimeoutMs,
    requestTimeout: config.clientRequestTimeoutMs,
    connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, config.clientHeadersTimeoutMs),
    keepAliveTimeout: config.clientKeepAliveMs,
    // A missing Host is refused like every other fault, and in the same format.
    requireHostHeader: false,
    optimizeEmptyRequests: true,
    shouldUpgradeCallback: (request) => isUpgrade(request) && mayUpgrade(request),
  }
  const server = config.tls === undefined ? createServer(options) : secureServer(options, config)
  limitServer(server, config)
  // Node drops the fields beyond its own bound without a word, and what it dropped may be a second Host. Ours refuses.
  server.maxHeadersCount = 0
  // In none of Node's documentation: a client that closed its sending side is answered nevertheless.
  return Object.assign(server, { httpAllowHalfOpen: true })
}

/** What may change while connections stand; for those it holds from their next request on. */
export function limitServer(server: ClientServer, config: Config): void {
  const { clientHeaderBytesMax: maxHeaderSize, clientHeadersTimeoutMs: headersTimeout } = config
  const { clientRequestTimeoutMs: requestTimeout, clientKeepAliveMs: keepAliveTimeout } = config
  server.maxConnections = config.clientConnectionsMax
  // A client that does not take the last of its answer. Longer than the balancer itself may let one wait.
  server.timeout = config.attemptsMax * config.attemptTimeoutMs + config.answerIdleMs
  Object.assign(server, { maxHeaderSize, headersTimeout, requestTimeout, keepAliveTimeout })
}

function secureServer(options: ServerOptions<typeof ClientRequest>, config: Config): ClientServer {
  const handshake = { ALPNProtocols: ['http/1.1'], handshakeTimeout: config.clientHeadersTimeoutMs }
  return createSecureServer({ ...options, ...handshake })
}

/** For connections from now on. Those that stand keep what they agreed on. */
export function useCertificate(server: ClientServer, { cert, key }: Certificate): void {
  const secure = server as unknown as SecureServer
  secure.setSecureContext({ cert, key, minVersion: 'TLSv1.2' })
}

/** Anything else that asks for an upgrade is an ordinary request whose wish is not granted, as HTTP allows. */
function isUpgrade(request: IncomingMessage): boolean {
  const websocket = request.headers.upgrade?.toLowerCase() === 'websocket'
  return websocket && request.method === 'GET' && request.httpVersion === '1.1' && !hasBody(request)
}
