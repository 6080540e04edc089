/**
 * The bench marks its faults in the trace: a rolling deploy is many small faults, and counts as one. A mark is an ordinary log event of a
 * process, which other readers of the trace ignore.
 */
import type { EventBody, TraceEvent } from '@ninelives/history'

export interface Mark {
  readonly atMs: number
  /** Until then it was watched. */
  readonly untilMs: number
  readonly fault: string
  /** A node, or `redis`. */
  readonly target: string
  /** The nodes that the balancer should eject. */
  readonly nodes: readonly string[]
  /** Why it did not land. */
  readonly failed?: string
}

const BEGUN = 'bench-fault-begun'
const ENDED = 'bench-fault-ended'
const WATCHED = 'bench-fault-watched'

export function faultBegun(fault: string): EventBody {
  return noted(BEGUN, { fault })
}

/** Once it landed, or failed to. */
export function faultEnded(told: {
  readonly target: string
  readonly nodes: readonly string[]
  readonly failed?: string
}) {
  return noted(ENDED, told)
}

export function faultWatched(): EventBody {
  return noted(WATCHED, {})
}

function noted(event: string, detail: Readonly<Record<string, unknown>>): EventBody {
  return { type: 'process-noted', process: 'bench', event, warns: false, detail }
}

export function marksIn(events: readonly TraceEvent[]): Mark[] {
  const marks: Mark[] = []
  for (const event of events) {
    if (event.type !== 'process-noted' || event.process !== 'bench') continue
    const { atMs, detail } = event
    const last = marks.at(-1)
    if (event.event === BEGUN) {
      const unknown = { target: 'unknown', nodes: [], failed: 'the trace has no confirmation' }
      marks.push({ atMs, untilMs: atMs, fault: String(detail['fault']), ...unknown })
    } else if (event.event === ENDED && last !== undefined) {
      const { atMs: begunAtMs, untilMs, fault } = last
      marks[marks.length - 1] = { atMs: begunAtMs, untilMs, fault, ...(detail as Pick<Mark, 'target' | 'nodes'>) }
    } else if (event.event === WATCHED && last !== undefined) {
      marks[marks.length - 1] = { ...last, untilMs: atMs }
    }
  }
  return marks
}
