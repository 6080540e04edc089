/** Gives every request an id, the node's name, a log line, a measurement and, where spans are recorded, a span. */
import { randomUUID } from 'node:crypto'
import type Koa from 'koa'
import type { Logger } from 'pino'
import { traced } from './traced.ts'
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
  readonly finished: (request: Finished) => void
  readonly isDraining: () => boolean
  /** Runs what the request does under its id. */
  readonly during: <T>(requestId: string, run: () => T) => T
}

export interface Finished {
  readonly requestId: string
  readonly method: string
  readonly route: string
  readonly status: number
  readonly startedAtMs: number
  /** Of the trace that the request is part of. */
  readonly traceId?: string | undefined
}

/** What the balancer sends on, which may be an id of a proxy in front of it. One of another form is not logged. */
const REQUEST_ID = /^[\w.:@=+/-]{1,128}$/

export function requestIdOf(given: string): string {
  return REQUEST_ID.test(given) ? given : randomUUID()
}

/** The headers of every answer. */
export function commonHeaders(node: string, requestId: string): Record<string, string> {
  return { 'X-Served-By': node, 'X-Request-Id': requestId, 'X-Content-Type-Options': 'nosniff' }
}

/** Measures and logs a request when its answer is ready. */
export function requestLog(log: Logger, metrics: Metrics): (finished: Finished) => void {
  return ({ requestId, method, route, status, startedAtMs, traceId }) => {
    const durationMs = performance.now() - startedAtMs
    metrics.request({ route, status, durationMs })
    const about = { requestId, traceId, method, route, status, durationMs: Math.round(durationMs * 1000) / 1000 }
    log.debug(about, 'request')
  }
}

export function observed({ node, finished, isDraining, during }: ObservedOptions): Koa.Middleware<RequestState> {
  return async (ctx, next) => {
    const startedAtMs = performance.now()
    const requestId = requestIdOf(ctx.get('X-Request-Id'))
    ctx.state.requestId = requestId
    ctx.set(commonHeaders(node, requestId))
    const traceId = await during(requestId, () => traced(ctx, next))
    // While the server drains, connections are not kept for further requests.
    if (isDraining()) ctx.set('Connection', 'close')
    const { method, status } = ctx
    finished({ requestId, method, route: ctx.state.route ?? 'unmatched', status, startedAtMs, traceId })
  }
}
