/** What operators and the lab read, on a port of its own: the public port belongs to the nodes whole. */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { exposition } from './metrics.ts'
import type { Metrics } from './metrics.ts'
import type { Upstream } from './upstream.ts'

export interface AdminSources {
  readonly metrics: Metrics
  readonly upstreams: readonly Upstream[]
}

const REQUEST_TIMEOUT_MS = 10_000
const CONNECTIONS_MAX = 100

export function admin({ metrics, upstreams }: AdminSources): Server {
  const server = createServer({ headersTimeout: REQUEST_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS })
  server.maxConnections = CONNECTIONS_MAX
  server.on('request', (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return refuse(response, 405, 'METHOD_NOT_ALLOWED', 'Only GET and HEAD are allowed here.')
    }
    switch (pathOf(request)) {
      case '/healthz':
        return json(response, 200, { healthy: true })
      case '/upstreams':
        return json(response, 200, { upstreams: upstreams.map(summary) })
      case '/metrics':
        return void metrics.snapshot().then(async (snapshot) => {
          const { contentType, text } = await exposition([snapshot])
          response.writeHead(200, { 'Content-Type': contentType }).end(text)
        })
      default:
        return refuse(response, 404, 'NOT_FOUND', 'There are /healthz, /upstreams and /metrics.')
    }
  })
  return server
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.replace(/\?.*$/, '')
}

function summary({ name, url, standing, inFlight, tunnels }: Upstream) {
  return { name, url, state: standing, inFlight, tunnels }
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  json(response, status, { error: { code, message } })
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(`${JSON.stringify(body)}\n`)
}
