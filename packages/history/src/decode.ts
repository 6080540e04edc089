import { TRACE_SCHEMA, type TraceEvent } from './events.ts'

export interface DecodedTrace {
  readonly events: readonly TraceEvent[]
  /** Why reading ended before the text did. What came before it is sound. */
  readonly problem?: { readonly line: number; readonly reason: string }
}

/**
 * The events of a trace's text, as far as they can be trusted. The lab may have been killed in the middle of a line, so
 * a trace that breaks off is to be expected and is never an error.
 */
export function decodeTrace(text: string): DecodedTrace {
  const events: TraceEvent[] = []
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  if (lines.length === 0) return { events, problem: { line: 1, reason: 'the trace is empty' } }
  for (const [index, line] of lines.entries()) {
    const decoded = decodeLine(line, index)
    if (typeof decoded === 'string') return { events, problem: { line: index + 1, reason: decoded } }
    events.push(decoded)
  }
  return { events }
}

/** The event, or the reason why this line is none. */
function decodeLine(line: string, index: number): TraceEvent | string {
  let event: Partial<TraceEvent> | null
  try {
    event = JSON.parse(line) as Partial<TraceEvent> | null
  } catch {
    return 'not JSON: the trace was cut off here'
  }
  if (typeof event !== 'object' || event === null) return 'not an event'
  if (index === 0 && event.type !== 'run-started') return 'a trace begins with run-started'
  if (event.type === 'run-started' && event.schema !== TRACE_SCHEMA) {
    return `schema ${String(event.schema)}, and this program reads schema ${TRACE_SCHEMA}`
  }
  if (event.seq !== index) return `event ${String(event.seq)} where event ${index} was expected`
  if (typeof event.type !== 'string' || typeof event.atMs !== 'number') return 'not an event'
  return event as TraceEvent
}
