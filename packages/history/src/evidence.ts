/**
 * The shortest history that shows an anomaly: the operations of those involved, of which one after the other is left out as
 * long as the same anomaly is still found. With a put goes what it put, wherever a cart shows it. What is left is a trace of
 * its own, and can be judged again from that alone.
 */
import { type Anomaly, judge } from './judge.ts'
import type { OperationEnded, OperationSent, TraceEvent } from './trace/events.ts'

/** Far above what one visit of one user comes to. Of more, those are kept that were sent last before the proof, and some after it. */
const OPERATIONS_MAX = 500
const AFTER_MAX = 100

type OperationEvent = TraceEvent & (OperationSent | OperationEnded)
type Operations = ReadonlyMap<number, readonly OperationEvent[]>

/** Reads the trace once more. */
export function evidenceOf(events: Iterable<TraceEvent>, { kind, worst }: Anomaly): readonly TraceEvent[] {
  const { start, operations } = involved(events, worst)
  const historyOf = (some: Operations): readonly TraceEvent[] => history(start, some, skusOf(operations))
  const anomaliesIn = (some: Operations): readonly Anomaly[] => judge(historyOf(some)).anomalies
  // A look without the write that it shows would be another anomaly, of our own making.
  const kinds = new Set(anomaliesIn(operations).map((each) => each.kind))
  const proofs = new Set(worst.ops)
  const shows = (some: Operations): boolean => {
    const found = anomaliesIn(some)
    const same = found.find((each) => each.kind === kind)
    return (
      same !== undefined && same.worst.ops.every((op) => proofs.has(op)) && found.every((each) => kinds.has(each.kind))
    )
  }
  let left = operations
  for (let before = Number.POSITIVE_INFINITY; left.size < before;) {
    before = left.size
    left = withoutNeedless(left, shows)
  }
  return historyOf(left)
}

function withoutNeedless(operations: Operations, shows: (some: Operations) => boolean): Operations {
  let left = operations
  // From the end, since what comes last depends on what came before and not the other way round.
  for (const op of [...operations.keys()].toReversed()) {
    const without = new Map([...left].filter(([each]) => each !== op))
    if (shows(without)) left = without
  }
  return left
}

interface Involved {
  readonly start: TraceEvent | undefined
  readonly operations: Operations
}

function involved(events: Iterable<TraceEvent>, { user, visit, ops }: Anomaly['worst']): Involved {
  const proofs = new Set(ops)
  const operations = new Map<number, OperationEvent[]>()
  let start: TraceEvent | undefined
  let proofsLeft = proofs.size
  let after = 0
  let lives = 0
  for (const event of events) {
    if (event.type === 'run-started') start = event
    if (event.type === 'process-up' && event.process === 'users' && lives++ > 0) {
      // Others have come in the place of the users that were, and count their visits anew.
      if (proofsLeft < proofs.size) break
      operations.clear()
    }
    if (event.type === 'operation-ended') operations.get(event.op)?.push(event)
    if (event.type !== 'operation-sent') continue
    const isProof = proofs.has(event.op)
    if (isProof) proofsLeft--
    else if (event.user !== user || Math.abs(event.visit - visit) > 1) continue
    else if (proofsLeft === 0 && after++ >= AFTER_MAX) continue
    operations.set(event.op, [event])
    if (operations.size > OPERATIONS_MAX) dropOldest(operations, proofs)
  }
  return { start, operations }
}

function dropOldest(operations: Map<number, unknown>, proofs: ReadonlySet<number>): void {
  for (const op of operations.keys()) {
    if (proofs.has(op)) continue
    operations.delete(op)
    return
  }
}

function skusOf(operations: Operations): ReadonlySet<string> {
  const skus = [...operations.values()].flatMap(([sent]) => (sent?.type === 'operation-sent' ? (sent.sku ?? []) : []))
  return new Set(skus)
}

/** In the order of the trace, with nothing in the carts of all that was `put` but what is left of it. */
function history(
  start: TraceEvent | undefined,
  operations: Operations,
  put: ReadonlySet<string>,
): readonly TraceEvent[] {
  const left = skusOf(operations)
  const events = [...operations.values()].flat().toSorted((a, b) => a.seq - b.seq)
  const trimmed = events.map((event) => {
    if (event.type !== 'operation-ended' || event.items === undefined) return event
    const items = event.items.filter(([sku]) => left.has(sku) || !put.has(sku))
    return items.length === event.items.length ? event : Object.assign({}, event, { items })
  })
  return start === undefined ? trimmed : [start, ...trimmed]
}
