/**
 * The span of a request, a part of the trace that its `traceparent` names. The operator registers a tracer before the node starts:
 * `node --import ./tracing.js ...`. Without one, nothing is done.
 */
import { context, propagation, type ProxyTracerProvider, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type Koa from 'koa'

/** The matched route's pattern is known once the request has passed the router. */
type TracedContext = Koa.ParameterizedContext<{ readonly requestId: string; readonly route?: string }>

const LIBRARY = '@ninelives/node'
const SERVERS_FAULT = 500

/** Resolves the id of the request's trace. */
export async function traced(ctx: TracedContext, next: () => Promise<void>): Promise<string | undefined> {
  // Until a provider is registered, the global one stands in for it and has no tracer to delegate to.
  const provider = trace.getTracerProvider() as Partial<ProxyTracerProvider>
  const tracer = provider.getDelegateTracer?.(LIBRARY)
  if (tracer === undefined) {
    await next()
    return undefined
  }
  const parent = propagation.extract(context.active(), ctx.headers)
  const attributes = { 'http.request.method': ctx.method, 'url.path': ctx.path, 'request.id': ctx.state.requestId }
  const span = tracer.startSpan(ctx.method, { kind: SpanKind.SERVER, attributes }, parent)
  try {
    await context.with(trace.setSpan(parent, span), next)
  } finally {
    const { route } = ctx.state
    if (route !== undefined) span.updateName(`${ctx.method} ${route}`).setAttribute('http.route', route)
    span.setAttribute('http.response.status_code', ctx.status)
    if (ctx.status >= SERVERS_FAULT) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  }
  return span.spanContext().traceId
}
