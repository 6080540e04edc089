import { TRACE_SCHEMA, type TraceEvent } from './events.ts'
import { shapeProblem } from './shape.ts'

/** Why reading ended before the trace did. What came before it is sound. */
export interface TraceProblem {
  readonly line: number
  readonly reason: string
}

const NOT_JSON = 'not JSON'

export interface DecodedTrace {
  readonly events: readonly TraceEvent[]
  readonly problem?: TraceProblem
}

/** The events of a trace's text, as `decodeLines` has them. */
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
 * The events of a trace, as far as they can be trusted, one at a time: a trace may be larger than the memory. The lab may have
 * been killed in the middle of a line, so a trace that breaks off is to be expected and is never an error. Returns the problem.
 */
export function* decodeLines(lines: Iterable<string>): Generator<TraceEvent, TraceProblem | undefined> {
  let index = 0
  let isBroken = false
  for (const line of lines) {
    if (isBroken) return { line: index + 1, reason: NOT_JSON }
    const decoded = decodeLine(line, index)
    // Whether it was cut off there is known once it is known whether anything follows.
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

/** The event, or the reason why this line is none. */
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
  if (typeof event.type !== 'string' || typeof event.atMs !== 'number') return 'not an event'
  return shapeProblem(event as TraceEvent & Record<string, unknown>) ?? (event as TraceEvent)
}
