import { TRACE_SCHEMA, type TraceEvent } from './events.ts'
import { instant, shapeProblem } from './shape.ts'

/** Why reading stopped before the end of the trace. All events before it are valid. */
export interface TraceProblem {
  readonly line: number
  readonly reason: string
}

/** The reason where no event could be read. */
export const NOT_JSON = 'not JSON'

export interface DecodedTrace {
  readonly events: readonly TraceEvent[]
  readonly problem?: TraceProblem
}

/** Decodes a trace's text with `decodeLines`. */
export function decodeTrace(text: string): DecodedTrace {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  const events: TraceEvent[] = []
  const decoded = decodeLines(lines)
  for (let next = decoded.next(); ; next = decoded.next()) {
    if (next.done !== true) events.push(next.value)
    else return { events, ...(next.value === undefined ? {} : { problem: next.value }) }
  }
}

/**
 * Yields the valid events of a trace, one at a time, as a trace may be larger than the memory. A last line that is cut off is no
 * error, as the lab may have been killed while it wrote. Returns the problem, if there is one.
 */
export function* decodeLines(lines: Iterable<string>): Generator<TraceEvent, TraceProblem | undefined> {
  let index = 0
  let isBroken = false
  for (const line of lines) {
    if (isBroken) return { line: index + 1, reason: NOT_JSON }
    const decoded = decodeLine(line, index)
    // It was cut off there only if nothing follows.
    if (decoded === NOT_JSON) isBroken = true
    else if (typeof decoded === 'string') return { line: index + 1, reason: decoded }
    else {
      yield decoded
      index++
    }
  }
  if (isBroken) return { line: index + 1, reason: index === 0 ? NOT_JSON : `${NOT_JSON}: the trace was cut off here` }
  return index === 0 ? { line: 1, reason: 'the trace is empty' } : undefined
}

/** The event, or why the line is not one. */
function decodeLine(line: string, index: number): TraceEvent | string {
  let event: Partial<TraceEvent> | null
  try {
    event = JSON.parse(line) as Partial<TraceEvent> | null
  } catch {
    return NOT_JSON
  }
  if (typeof event !== 'object' || event === null) return 'not an event'
  if (index === 0 && event.type !== 'run-started') return 'a trace begins with run-started'
  if (event.type === 'run-started' && event.schema !== TRACE_SCHEMA) {
    return `schema ${String(event.schema)}, and this program reads schema ${TRACE_SCHEMA}`
  }
  if (event.seq !== index) return `event ${String(event.seq)} where event ${index} was expected`
  if (typeof event.type !== 'string' || !instant(event.atMs)) return 'not an event'
  return shapeProblem(event as TraceEvent & Record<string, unknown>) ?? (event as TraceEvent)
}
