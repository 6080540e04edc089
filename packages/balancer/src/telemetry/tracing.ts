/**
 * Spans of a request, through the API of OpenTelemetry: one for the request and one for each attempt, which is what its node continues.
 * The operator registers a tracer before the balancer starts: `node --import ./tracing.js ...`. Without one nothing is done, and
 * the `traceparent` of a client passes as it is.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { type Context, propagation, type ProxyTracerProvider, ROOT_CONTEXT } from '@opentelemetry/api'
import { type Span, SpanKind, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api'

export interface TracedRequest {
  readonly requestId: string
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

export class RequestTrace {
  readonly #tracer: Tracer
  readonly #span: Span
  readonly #context: Context
  #attempt: Span | undefined

  /** Undefined while no tracer is registered. */
  static of(describe: () => TracedRequest): RequestTrace | undefined {
    // Until a provider is registered, the global one stands in for it and has no tracer to delegate to.
    const provider = trace.getTracerProvider() as Partial<ProxyTracerProvider>
    const tracer = provider.getDelegateTracer?.('@ninelives/balancer')
    return tracer === undefined ? undefined : new RequestTrace(tracer, describe())
  }

  private constructor(tracer: Tracer, { requestId, method, path, headers }: TracedRequest) {
    const parent = propagation.extract(ROOT_CONTEXT, headers)
    const attributes = { 'http.request.method': method, 'url.path': path, 'request.id': requestId }
    this.#tracer = tracer
    this.#span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent)
    this.#context = trace.setSpan(parent, this.#span)
  }

  get traceId(): string {
    return this.#span.spanContext().traceId
  }

  /** Begins an attempt, and puts its `traceparent` into the header that goes to the upstream. */
  attempt(upstream: string, number: number, headers: OutgoingHttpHeaders): void {
    const attributes = { 'server.address': upstream, 'http.request.resend_count': number - 1 }
    this.#attempt = this.#tracer.startSpan('attempt', { kind: SpanKind.CLIENT, attributes }, this.#context)
    propagation.inject(trace.setSpan(this.#context, this.#attempt), headers)
  }

  attempted(outcome: string, isFailure: boolean): void {
    this.#attempt?.setAttribute('ninelives.outcome', outcome)
    if (isFailure) this.#attempt?.setStatus({ code: SpanStatusCode.ERROR, message: outcome })
    this.#attempt?.end()
    this.#attempt = undefined
  }

  /** `code` is a status, or says how the request ended without one. Its last attempt may be over only after this. */
  over(code: string): void {
    const status = Number(code)
    if (Number.isNaN(status)) this.#span.setAttribute('error.type', code)
    else this.#span.setAttribute('http.response.status_code', status)
    if (status >= 500 || code === 'cut') this.#span.setStatus({ code: SpanStatusCode.ERROR, message: code })
    this.#span.end()
  }
}
