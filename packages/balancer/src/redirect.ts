/** The listener for plain HTTP beside one for TLS: tells every client to come again, with the same method and body, by TLS. */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import type { Config } from './config.ts'
import { errorAnswer } from './error-answer.ts'
import type { ErrorCode } from './error-answer.ts'
import { framingFault } from './framing.ts'
import { requestTarget } from './request-target.ts'

const HTTPS_PORT = 443

/** `securePort`: where clients find TLS; asked at each request, for it is known only once that listener listens. */
export function redirect(config: Config, securePort: () => number): Server {
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
  server.on('request', (request, response) => {
    const target = framingFault(request, config) ?? requestTarget(request)
    if (typeof target === 'string') return answer(response, target, request.headers.accept)
    if (target.host === undefined || !target.path.startsWith('/')) return answer(response, 'BAD_REQUEST')
    const port = securePort()
    const authority = target.host.replace(/:\d*$/, '') + (port === HTTPS_PORT ? '' : `:${port}`)
    const location = `https://${authority}${target.path}`
    response.writeHead(308, ['Location', location, 'Content-Length', '0', 'Connection', 'close']).end()
  })
  return server
}

function answer(response: ServerResponse, code: ErrorCode, accept?: string): void {
  const { status, headers, body } = errorAnswer(code, { requestId: randomUUID(), accept })
  response.writeHead(status, [...headers, 'Connection', 'close']).end(body)
}
