/** The listener for plain HTTP beside one for TLS: redirects every request to TLS, with the same method and body. */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Config } from '../config/config.ts'
import { errorAnswer, errorBytes, errorCodeOf } from '../request/error-answer.ts'
import type { ErrorCode } from '../request/error-answer.ts'
import { framingFault } from '../request/framing.ts'
import type { IsOwnHost } from './public-hosts.ts'
import { requestTarget } from '../request/request-target.ts'

const HTTPS_PORT = 443

export interface RedirectOptions {
  /** The port of TLS for clients; read at each request, because it is known only once that listener listens. */
  readonly securePort: () => number
  /** Any other host is answered with 421. */
  readonly isOwnHost: IsOwnHost
}

export function redirect(config: Config, { securePort, isOwnHost }: RedirectOptions): Server {
  const server = createServer({
    maxHeaderSize: config.clientHeaderBytesMax,
    headersTimeout: config.clientHeadersTimeoutMs,
    requestTimeout: config.clientHeadersTimeoutMs,
    connectionsCheckingInterval: config.clientHeadersTimeoutMs,
    requireHostHeader: false,
    shouldUpgradeCallback: () => false,
  })
  server.maxConnections = config.clientConnectionsMax
  server.maxHeadersCount = 0
  function answer(request: IncomingMessage, response: ServerResponse): void {
    const target = framingFault(request, config) ?? requestTarget(request)
    if (typeof target === 'string') return refuse(response, target, request.headers.accept)
    if (target.host === undefined || !target.path.startsWith('/')) return refuse(response, 'BAD_REQUEST')
    if (!isOwnHost(target.host)) return refuse(response, 'MISDIRECTED_REQUEST', request.headers.accept)
    const port = securePort()
    const authority = target.host.replace(/:\d*$/, '') + (port === HTTPS_PORT ? '' : `:${port}`)
    response.writeHead(308, ['Location', `https://${authority}${target.path}`, 'Content-Length', '0']).end()
  }

  server.on('request', answer)
  // A client should not send a body in plain text only to send it again.
  server.on('checkContinue', answer)
  server.on('clientError', (error, socket) => {
    if (!socket.writable) return void socket.destroy()
    socket.end(errorBytes(errorCodeOf(error), { requestId: randomUUID() }), () => socket.destroy())
  })
  return server
}

function refuse(response: ServerResponse, code: ErrorCode, accept?: string): void {
  const { status, headers, body } = errorAnswer(code, { requestId: randomUUID(), accept })
  response.writeHead(status, [...headers, 'Connection', 'close']).end(body)
}
