/**
 * Spans of the session layer, through the API of OpenTelemetry: one for each call to the store, inside the span of the request, and
 * on that one the public id of its session. The spans of the request are the application's own instrumentation's.
 *
 * Nothing is done while no tracer is registered. That is looked at each time, since an application may register one late.
 */
import type * as opentelemetry from '@opentelemetry/api'
import type { ProxyTracerProvider, Span } from '@opentelemetry/api'
import { requiredPackage } from '../optional-packages.ts'
import type { SessionTracing } from './observers.ts'

export type { SessionTracing } from './observers.ts'

const LIBRARY = '@ninelives/sessions'

type Api = typeof opentelemetry

/** For the option `tracing` of an adapter. */
export function sessionTracing(): SessionTracing {
  const api = requiredPackage('sessionTracing()', '@opentelemetry/api') as Api
  const { trace, SpanKind } = api

  /** Until a provider is registered, the global one stands in for it and has no tracer to delegate to. */
  const registeredTracer = (): ReturnType<ProxyTracerProvider['getDelegateTracer']> => {
    const provider = trace.getTracerProvider() as Partial<ProxyTracerProvider>
    return provider.getDelegateTracer?.(LIBRARY)
  }

  return {
    session(publicId) {
      if (registeredTracer() !== undefined) trace.getActiveSpan()?.setAttribute('session.id', publicId)
    },

    storeCall(verb, store, call) {
      const tracer = registeredTracer()
      // Outside of a request's span, it is a look of our own, and some come every second.
      if (tracer === undefined || trace.getActiveSpan() === undefined) return call()
      const attributes = { 'db.operation.name': verb, 'ninelives.store': store }
      return within(api, tracer.startSpan(`session store ${verb}`, { kind: SpanKind.CLIENT, attributes }), call)
    },
  }
}

async function within<T>({ context, trace, SpanStatusCode }: Api, span: Span, call: () => Promise<T>): Promise<T> {
  try {
    return await context.with(trace.setSpan(context.active(), span), call)
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error('something other than an error was thrown')
    span.setAttribute('error.type', name)
    span.setStatus({ code: SpanStatusCode.ERROR, message })
    throw error
  } finally {
    span.end()
  }
}
