/** What a history of operations says of a load, whichever generator made it. */
import type { OperationEvent } from '../../../packages/lab/src/users/recorder.ts'
import { LatencyHistogram } from './latency-histogram.ts'

export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** One operation, from when it was due to its end; one that never ended has none. */
export interface Lived {
  readonly dueAtMs: number
  readonly sentAtMs: number
  readonly lateMs: number
  readonly endedAtMs?: number
  readonly isOk: boolean
  /** It was answered, whatever the answer was. */
  readonly isAnswered: boolean
}

/** Those that were due within the span, in the order in which they were sent. */
export function livedIn(events: readonly OperationEvent[], { fromMs, toMs }: Span): Lived[] {
  const ends = new Map(events.flatMap((event) => (event.type === 'operation-ended' ? [[event.op, event]] : [])))
  return events.flatMap((event) => {
    if (event.type !== 'operation-sent' || event.dueAtMs < fromMs || event.dueAtMs >= toMs) return []
    const { dueAtMs, sentAtMs, lateMs } = event
    const end = ends.get(event.op)
    const ended = end === undefined ? {} : { endedAtMs: end.endedAtMs }
    return [{ dueAtMs, sentAtMs, lateMs, ...ended, isOk: end?.outcome === 'ok', isAnswered: end?.node !== undefined }]
  })
}

/** Of those that were answered, from when they were due. */
export function latenciesOf(lived: readonly Lived[]): LatencyHistogram {
  const histogram = new LatencyHistogram()
  for (const { dueAtMs, endedAtMs, isAnswered } of lived) {
    if (isAnswered && endedAtMs !== undefined) histogram.record((endedAtMs - dueAtMs) * 1_000)
  }
  return histogram
}

/** The longest time without a good answer. */
export function longestGapMs(lived: readonly Lived[], { fromMs, toMs }: Span): number {
  const good = lived.flatMap(({ endedAtMs, isOk }) => (isOk && endedAtMs !== undefined ? [endedAtMs] : []))
  const instants = [fromMs, ...good.filter((atMs) => atMs < toMs).sort((one, other) => one - other), toMs]
  return Math.max(...instants.slice(1).map((atMs, index) => atMs - (instants[index] as number)))
}
