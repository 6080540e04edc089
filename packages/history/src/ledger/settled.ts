/**
 * An item that was acknowledged, looked for and seen is *settled*: every later look should show it in the same place. Nearly all
 * items are settled, so they are kept as one text and an array of numbers, which takes a quarter of the memory of objects and is
 * checked by comparing texts. If a look is not as expected, all items become objects again.
 */
import {
  type Items,
  newPut,
  nothingSettled,
  type Put,
  type Remains,
  type Settled,
  type Visit,
  type Write,
} from './visit.ts'

const SEPARATOR = '\n'
const SEPARATOR_CODE = SEPARATOR.charCodeAt(0)
/** Numbers per item: op, tab, sentAtMs, endedAtMs, and the op and end of the look that showed it first. */
const FIELDS = 6

/** Whether the look shows all settled items, once each and in order. */
export function showsSettled({ count, text }: Settled, items: Items): boolean {
  if (items.length < count) return false
  let at = 0
  for (let index = 0; index < count; index++) {
    const item = items[index]
    if (item === undefined || item[1] !== 1 || !text.startsWith(item[0], at)) return false
    at += item[0].length
    if (text.charCodeAt(at) !== SEPARATOR_CODE) return false
    at++
  }
  return true
}

/** Settles the next item in the cart; false if it does not qualify. */
export function settle(settled: Settled, { op, tab, sentAtMs, endedAtMs, sku, looked, seenBy }: Put): boolean {
  if (!looked || seenBy === undefined || sku.includes(SEPARATOR)) return false
  settled.count++
  settled.text += sku + SEPARATOR
  settled.numbers.push(op, tab, sentAtMs, endedAtMs, seenBy.op, seenBy.endedAtMs)
  return true
}

/** All puts in the order of sending; settled ones are turned into objects again. */
export function putsOf(visit: Visit): readonly Put[] {
  if (visit.settled.count === 0) return visit.open
  return [...unsettled(visit), ...visit.open].sort((a, b) => a.op - b.op)
}

/** What is kept of the puts when the visit is over. */
export function remainsOf(visit: Visit): Remains {
  const puts = putsOf(visit)
  return { skus: JSON.stringify(puts.map(({ sku }) => sku)), ops: puts.map(({ op }) => op) }
}

export function reopen(visit: Visit): void {
  visit.open = [...putsOf(visit)]
  visit.settled = nothingSettled()
}

function* unsettled(visit: Visit): Generator<Put> {
  const { count, text, numbers } = visit.settled
  const skus = text.split(SEPARATOR)
  for (let index = 0; index < count; index++) {
    const from = index * FIELDS
    const [op = 0, tab = 0, sentAtMs = 0, endedAtMs = 0, seenOp = 0, seenEndedAtMs = 0] = numbers.slice(
      from,
      from + FIELDS,
    )
    const put = newPut(visit, { op, tab, sentAtMs, sku: skus[index] ?? '' })
    put.endedAtMs = endedAtMs
    put.outcome = 'ok'
    put.seenBy = { op: seenOp, endedAtMs: seenEndedAtMs }
    put.looked = true
    yield put
  }
}

/** The puts and the counts. */
export function writesOf(visit: Visit): readonly Write[] {
  return [...putsOf(visit), ...visit.counts, ...(visit.floor?.moves ?? [])].sort((a, b) => a.op - b.op)
}
