/** What every request gets, whatever becomes of it: an id, the name of the node that answered, a log line, a measurement. */
import { randomUUID } from 'node:crypto'
import type Koa from 'koa'
import type { Logger } from 'pino'
import type { Metrics } from './store/metrics.ts'

export interface RequestState {
  /** The balancer's id for this request, or our own: the same in every log that the request has touched. */
  requestId: string
  /** The pattern of the route that matched, for metrics: a path has no bound on its values. */
  route?: string
}

export type RequestContext = Koa.ParameterizedContext<RequestState>

export interface ObservedOptions {
  readonly node: string
  readonly log: Logger
  readonly metrics: Metrics
  readonly isDraining: () => boolean
}

/** A longer or stranger id is not ours, and has no business in our logs. */
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/

export function observed({ node, log, metrics, isDraining }: ObservedOptions): Koa.Middleware<RequestState> {
  return async (ctx, next) => {
    const startedAtMs = performance.now()
    const given = ctx.get('X-Request-Id')
    const requestId = REQUEST_ID.test(given) ? given : randomUUID()
    ctx.state.requestId = requestId
    ctx.set({ 'X-Served-By': node, 'X-Request-Id': requestId, 'X-Content-Type-Options': 'nosniff' })
    await next()
    // Nothing must come over a kept connection once the server stops listening to it.
    if (isDraining()) ctx.set('Connection', 'close')
    const durationMs = performance.now() - startedAtMs
    const { method, status } = ctx
    const route = ctx.state.route ?? 'unmatched'
    metrics.request({ route, status, durationMs })
    log.debug({ requestId, method, route, status, durationMs: Math.round(durationMs * 1000) / 1000 }, 'request')
  }
}
