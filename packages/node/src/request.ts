/** Gives every request an id, the node's name, a log line and a measurement. */
import { randomUUID } from 'node:crypto'
import type Koa from 'koa'
import type { Logger } from 'pino'
import type { Metrics } from './store/metrics.ts'

export interface RequestState {
  /** The balancer's id for this request, or a new one; it is the same in all logs. */
  requestId: string
  /** The matched route's pattern, for metrics, as the number of paths is unbounded. */
  route?: string
}

export type RequestContext = Koa.ParameterizedContext<RequestState>

export interface ObservedOptions {
  readonly node: string
  readonly log: Logger
  readonly metrics: Metrics
  readonly isDraining: () => boolean
}

/** An id of another form is not the balancer's, and is not logged. */
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/

export function observed({ node, log, metrics, isDraining }: ObservedOptions): Koa.Middleware<RequestState> {
  return async (ctx, next) => {
    const startedAtMs = performance.now()
    const given = ctx.get('X-Request-Id')
    const requestId = REQUEST_ID.test(given) ? given : randomUUID()
    ctx.state.requestId = requestId
    ctx.set({ 'X-Served-By': node, 'X-Request-Id': requestId, 'X-Content-Type-Options': 'nosniff' })
    await next()
    // While the server drains, connections are not kept for further requests.
    if (isDraining()) ctx.set('Connection', 'close')
    const durationMs = performance.now() - startedAtMs
    const { method, status } = ctx
    const route = ctx.state.route ?? 'unmatched'
    metrics.request({ route, status, durationMs })
    log.debug({ requestId, method, route, status, durationMs: Math.round(durationMs * 1000) / 1000 }, 'request')
  }
}
