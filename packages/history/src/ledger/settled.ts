/**
 * What was acknowledged, looked for and seen is *settled*: it is expected to be there at every look from then on, in the place
 * where it was. Nearly all that is in the carts is, so it is kept as one text and a row of numbers, a quarter of what it takes
 * as objects, and one comparison of texts tells that it is there. When anything is not as expected, all is opened again.
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
/** Its operation, tab, start and end; the look that showed it first, and when that ended. */
const FIELDS = 6

/** Whether all that is settled is there, once each, in its order. */
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

/** Takes in one that came next in the cart; false if it is not settled. */
export function settle(settled: Settled, { op, tab, sentAtMs, endedAtMs, sku, looked, seenBy }: Put): boolean {
  if (!looked || seenBy === undefined || sku.includes(SEPARATOR)) return false
  settled.count++
  settled.text += sku + SEPARATOR
  settled.numbers.push(op, tab, sentAtMs, endedAtMs, seenBy.op, seenBy.endedAtMs)
  return true
}

/** All that was put in, in the order in which it was sent. What is settled is made anew for it. */
export function putsOf(visit: Visit): readonly Put[] {
  if (visit.settled.count === 0) return visit.open
  return [...unsettled(visit), ...visit.open].sort((a, b) => a.op - b.op)
}

/** What is kept of them when nothing of the visit follows. */
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

/** The same with the counts among them. */
export function writesOf(visit: Visit): readonly Write[] {
  return [...putsOf(visit), ...visit.counts].sort((a, b) => a.op - b.op)
}
