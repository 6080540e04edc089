/**
 * A look at a cart, against what ought to be in it.
 *
 * What was acknowledged, looked for and seen is *settled*: it is expected to be there at every look from then on, in the place
 * where it was. Nearly always it is, which one text tells without a thought for each thing; only what is open is gone
 * through. Where anything is not as expected, everything is open again.
 */
import type { Owners } from './owners.ts'
import { type Done, type Gap, type Moment, NOTHING_SETTLED, type Put, type Stranger, type Visit } from './visit.ts'

export interface Look {
  readonly strangers: readonly Stranger[]
  readonly doubled: readonly Put[]
  readonly undead: readonly Put[]
  readonly returned: readonly Gap[]
}

export const NO_LOOK: Look = { strangers: [], doubled: [], undead: [], returned: [] }

type Item = readonly [sku: string, quantity: number]
type Items = readonly Item[]

const SEPARATOR = '\n'
const SKIPPED_MAX = 4

/** Nearly every look finds nothing: then there is nothing to be made for it. */
type Found = { -readonly [K in keyof Look]?: Look[K][number][] }

/** Marks what the look shows, and opens and closes the gaps of what ought to be there. */
export function lookAt(visit: Visit, done: Done, moment: Moment, owners: Owners): Look {
  const items = done.ended.items ?? []
  if (!showsSettled(visit, items)) reopen(visit)
  const found: Found = {}
  const latestShownMs = markShown(visit, items, moment, owners, found)
  for (const put of visit.open) {
    if (put.shownIn === moment.op) closeGap(put, moment, found)
    else missed(put, moment, latestShownMs)
  }
  settle(visit, items, moment)
  const { strangers, doubled, undead, returned } = found
  if (strangers === undefined && doubled === undefined && undead === undefined && returned === undefined) return NO_LOOK
  return Object.assign({}, NO_LOOK, found)
}

function showsSettled({ settled }: Visit, items: Items): boolean {
  const { count, text } = settled
  if (items.length < count) return false
  let at = 0
  for (let index = 0; index < count; index++) {
    const { 0: sku, 1: quantity } = items[index] as Item
    if (quantity !== 1 || !text.startsWith(sku, at) || text[at + sku.length] !== SEPARATOR) return false
    at += sku.length + 1
  }
  return true
}

function reopen(visit: Visit): void {
  visit.open = [...visit.puts]
  visit.settled = NOTHING_SETTLED
}

/** Of those that come next in the cart, as many as are done with. */
function settle(visit: Visit, items: Items, { op }: Moment): void {
  const { count } = visit.settled
  const next: Put[] = []
  for (let index = count; index < items.length; index++) {
    const put = visit.open.find(({ sku }) => sku === items[index]?.[0])
    if (put === undefined || put.seenBy === undefined || !put.looked || put.shownIn !== op || items[index]?.[1] !== 1)
      break
    next.push(put)
  }
  if (next.length === 0) return
  const latestShownMs = Math.max(visit.settled.latestShownMs, ...next.map(({ sentAtMs }) => sentAtMs))
  const text = next.reduce((before, { sku }) => before + sku + SEPARATOR, visit.settled.text)
  visit.settled = { count: count + next.length, text, latestShownMs }
  visit.open = visit.open.filter((put) => !next.includes(put))
}

/** Returns when the last of what is shown was put in. */
function markShown(visit: Visit, items: Items, moment: Moment, owners: Owners, found: Found): number {
  let { latestShownMs } = visit.settled
  let next = 0
  for (let at = visit.settled.count; at < items.length; at++) {
    const { 0: sku, 1: quantity } = items[at] as Item
    const index = positionOf(visit.open, sku, next)
    const put = visit.open[index]
    if (put === undefined) {
      ;(found.strangers ??= []).push({ sku, owner: owners.find(sku) })
      continue
    }
    next = index + 1
    put.shownIn = moment.op
    // What a put answers of its own thing is its acknowledgement, and no look.
    if (put.op !== moment.op) put.seenBy ??= moment
    if (put.sentAtMs > latestShownMs) latestShownMs = put.sentAtMs
    if (quantity > 1) (found.doubled ??= []).push(put)
    if (put.outcome === 'failed') (found.undead ??= []).push(put)
  }
  return latestShownMs
}

/** A cart is usually told in the order in which it was filled. -1 for what is not there. */
function positionOf(open: readonly Put[], sku: string, from: number): number {
  const until = Math.min(open.length, from + SKIPPED_MAX)
  for (let index = from; index < until; index++) {
    if (open[index]?.sku === sku) return index
  }
  return open.findIndex((put) => put.sku === sku)
}

function closeGap(put: Put, moment: Moment, found: Found): void {
  if (put.outcome === 'ok' && put.endedAtMs < moment.sentAtMs) put.looked = true
  if (put.gap === undefined) return
  put.gap.shownAgainBy = moment
  ;(found.returned ??= []).push(put.gap)
  put.gap = undefined
}

function missed(put: Put, moment: Moment, latestShownMs: number): void {
  const { sentAtMs } = moment
  const isAcknowledged = put.outcome === 'ok' && put.endedAtMs < sentAtMs
  const wasSeen = put.seenBy !== undefined && put.seenBy.endedAtMs < sentAtMs
  if (isAcknowledged) put.looked = true
  if (!isAcknowledged && !wasSeen) return
  put.gap ??= { put, missedBy: moment, wasSeen, hasLater: isAcknowledged && latestShownMs > put.endedAtMs }
}

/** What was acknowledged, and was missing from some look on to the end. */
function lostIn(visit: Visit): readonly Gap[] {
  return visit.puts.flatMap(({ gap, outcome }) => (gap !== undefined && outcome === 'ok' ? [gap] : []))
}

/** What went missing one by one. */
export function lostFor(visit: Visit): readonly Gap[] {
  const lost = lostIn(visit)
  const forgotten = new Set(forgottenIn(visit, lost).flat())
  return lost.filter((gap) => !forgotten.has(gap))
}

/** By the look that found nothing: all that had been acknowledged until then was gone at once, and it was more than one thing. */
export function forgottenIn(visit: Visit, lost: readonly Gap[] = lostIn(visit)): readonly (readonly Gap[])[] {
  const looks = Map.groupBy(lost, ({ missedBy }) => missedBy)
  return [...looks].flatMap(([look, gone]) => (gone.length > 1 && !isOneLeft(visit, look) ? [gone] : []))
}

function isOneLeft({ puts }: Visit, look: Moment): boolean {
  return puts.some(
    ({ outcome, endedAtMs, gap }) =>
      outcome === 'ok' && endedAtMs < look.sentAtMs && (gap === undefined || gap.missedBy.sentAtMs > look.sentAtMs),
  )
}

/** Whether it was there before all was gone: then it went with the rest. */
export function isForgotten(visit: Visit, { endedAtMs }: { readonly endedAtMs: number }): boolean {
  return forgottenIn(visit).some(([gap]) => gap !== undefined && gap.missedBy.sentAtMs > endedAtMs)
}
