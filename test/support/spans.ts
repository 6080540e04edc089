/** Loaded into a process by `--import`: registers a tracer, as an operator would, which appends each span to the file SPANS. */
import { appendFileSync } from 'node:fs'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'

export interface WrittenSpan {
  readonly name: string
  readonly traceId: string
  readonly id: string
  readonly parent: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
}

const path = process.env['SPANS'] ?? '/dev/null'

const exporter = {
  export(spans: readonly ReadableSpan[], done: (result: { code: number }) => void): void {
    for (const span of spans) {
      const { name, attributes, parentSpanContext } = span
      const { traceId, spanId: id } = span.spanContext()
      appendFileSync(path, `${JSON.stringify({ name, traceId, id, parent: parentSpanContext?.spanId, attributes })}\n`)
    }
    done({ code: 0 })
  },
  shutdown: () => Promise.resolve(),
}

trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
propagation.setGlobalPropagator(new W3CTraceContextPropagator())
