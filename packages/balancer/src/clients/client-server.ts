/** The server that clients connect to, plain or by TLS, with every bound of a connection. */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerOptions } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Server as SecureServer } from 'node:https'
import type { Certificate } from '../tls/certificates.ts'
import { ClientRequest } from './client-request.ts'
import type { Config } from '../config/config.ts'

/** How often connections are checked for timeouts. */
const TIMEOUT_CHECK_MS = 1_000

export type ClientServer = Server<typeof ClientRequest>

/** `mayUpgrade`: whether a request becomes an upgrade. With TLS the server needs a certificate before it can answer. */
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
    shouldUpgradeCallback: mayUpgrade,
  }
  const server = config.tls === undefined ? createServer(options) : secureServer(options, config)
  limitServer(server, config)
  // Node silently drops fields above its own bound, and one of those may be a second Host. Our bound refuses the request.
  server.maxHeadersCount = 0
  // Not documented by Node: a client that closed its sending side still gets its answer.
  return Object.assign(server, { httpAllowHalfOpen: true })
}

/** Settings that may change while connections are open; they hold from the next request on. */
export function limitServer(server: ClientServer, config: Config): void {
  const { clientHeaderBytesMax: maxHeaderSize, clientHeadersTimeoutMs: headersTimeout } = config
  const { clientRequestTimeoutMs: requestTimeout, clientKeepAliveMs: keepAliveTimeout } = config
  server.maxConnections = config.clientConnectionsMax
  // For a client that does not read the end of its answer. Longer than any wait of the balancer's own.
  server.timeout = config.waitMs + config.queueWaitMs + config.requestDeadlineMs + config.answerIdleMs
  Object.assign(server, { maxHeaderSize, headersTimeout, requestTimeout, keepAliveTimeout })
}

function secureServer(options: ServerOptions<typeof ClientRequest>, config: Config): ClientServer {
  const handshake = { ALPNProtocols: ['http/1.1'], handshakeTimeout: config.clientHeadersTimeoutMs }
  // A plain server sets it by itself. Without it the end of the client's sending side closes the connection.
  return createSecureServer({ ...options, ...handshake, allowHalfOpen: true })
}

/** For new connections. Open ones keep the certificate that they agreed on. */
export function useCertificate(server: ClientServer, { cert, key }: Certificate): void {
  const secure = server as unknown as SecureServer
  secure.setSecureContext({ cert, key, minVersion: 'TLSv1.2' })
}
