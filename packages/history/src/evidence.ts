/**
 * Finds the shortest history that shows an anomaly: it removes the involved users' operations one by one, as long as the same
 * anomaly is still found. With a put its item is removed from every cart. The rest is a trace that can be judged by itself.
 */
import { type Anomaly, judge } from './judge.ts'
import type { OperationEnded, OperationSent, TraceEvent } from './trace/events.ts'

/** Far above the operations of one visit. Beyond it, only the last ones before the proof and some after it are kept. */
const OPERATIONS_MAX = 500
const AFTER_MAX = 100

type OperationEvent = TraceEvent & (OperationSent | OperationEnded)
type Operations = ReadonlyMap<number, readonly OperationEvent[]>

/** Reads the trace once more. */
export function evidenceOf(events: Iterable<TraceEvent>, { kind, worst }: Anomaly): readonly TraceEvent[] {
  const { start, operations } = involved(events, worst)
  const historyOf = (some: Operations): readonly TraceEvent[] => history(start, some, skusOf(operations))
  const anomaliesIn = (some: Operations): readonly Anomaly[] => judge(historyOf(some)).anomalies
  // Removing a write but not the look that shows it would create another anomaly.
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
  // From the end, as operations depend only on earlier ones.
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
      // A new process of users counts its visits from the start.
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

/** The remaining events in the trace's order. Carts lose the items of removed puts. */
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
