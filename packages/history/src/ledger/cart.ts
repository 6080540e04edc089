/** Compares a look at a cart with the expected contents. Only items that are not settled are compared one by one. */
import type { Owners } from './owners.ts'
import { putsOf, reopen, settle, showsSettled } from './settled.ts'
import type { Done, Gap, Item, Items, Moment, Put, Stranger, Visit } from './visit.ts'

export interface Look {
  readonly strangers: readonly Stranger[]
  readonly doubled: readonly Put[]
  readonly undead: readonly Put[]
  readonly returned: readonly Gap[]
}

export const NO_LOOK: Look = { strangers: [], doubled: [], undead: [], returned: [] }

const SKIPPED_MAX = 4

/** Fields are created only when needed, as nearly every look finds nothing. */
type Found = { -readonly [K in keyof Look]?: Look[K][number][] }

/** Marks the items that the look shows, and opens and closes gaps of the expected ones. */
export function lookAt(visit: Visit, done: Done, moment: Moment, owners: Owners): Look {
  const items = done.ended.items ?? []
  if (!showsSettled(visit.settled, items)) reopen(visit)
  const found: Found = {}
  const latestShownMs = markShown(visit, items, moment, owners, found)
  for (const put of visit.open) {
    if (put.shownIn === moment.op) closeGap(put, moment, found)
    else missed(put, moment, latestShownMs)
  }
  settleNext(visit, items, moment)
  const { strangers, doubled, undead, returned } = found
  if (strangers === undefined && doubled === undefined && undead === undefined && returned === undefined) return NO_LOOK
  return Object.assign({}, NO_LOOK, found)
}

/** Settles as many of the next items in the cart as possible. */
function settleNext(visit: Visit, items: Items, { op }: Moment): void {
  const { open, settled } = visit
  for (let index = settled.count; index < items.length; index++) {
    const { 0: sku, 1: quantity } = items[index] as Item
    const position = positionOf(open, sku, 0)
    const put = open[position]
    if (put?.shownIn !== op || quantity !== 1 || !settle(settled, put)) return
    open.splice(position, 1)
  }
}

/** Returns when the latest shown item that is not settled was sent. Settled ones don't matter: all before them were looked for. */
function markShown(visit: Visit, items: Items, moment: Moment, owners: Owners, found: Found): number {
  let latestShownMs = Number.NEGATIVE_INFINITY
  let next = 0
  for (let at = visit.settled.count; at < items.length; at++) {
    const { 0: sku, 1: quantity } = items[at] as Item
    const index = positionOf(visit.open, sku, next)
    const put = visit.open[index]
    if (put === undefined) {
      markOther(visit, sku, owners, found)
      continue
    }
    next = index + 1
    if (quantity > 1 || put.shownIn === moment.op) (found.doubled ??= []).push(put)
    put.shownIn = moment.op
    // A put's own answer is its acknowledgement, not a look.
    if (put.op !== moment.op) put.seenBy ??= moment
    if (put.sentAtMs > latestShownMs) latestShownMs = put.sentAtMs
    if (put.outcome === 'failed') (found.undead ??= []).push(put)
  }
  return latestShownMs
}

/** Either the item is settled, and this is its second appearance, or this visit never put it in. */
function markOther(visit: Visit, sku: string, owners: Owners, found: Found): void {
  const settled = putsOf(visit).find((put) => put.sku === sku)
  if (settled === undefined) (found.strangers ??= []).push({ sku, owner: owners.find(sku) })
  else (found.doubled ??= []).push(settled)
}

/** Carts usually list items in the order of their puts. -1 if it is not there. */
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

/** Items that were acknowledged, and missing from some look on to the end. */
function lostIn(visit: Visit): readonly Gap[] {
  return putsOf(visit).flatMap(({ gap, outcome }) => (gap !== undefined && outcome === 'ok' ? [gap] : []))
}

/** Items that went missing one by one. */
export function lostFor(visit: Visit): readonly Gap[] {
  const lost = lostIn(visit)
  const forgotten = new Set(forgottenIn(visit, lost).flat())
  return lost.filter((gap) => !forgotten.has(gap))
}

/** Grouped by the look that found none of several acknowledged items any more. */
export function forgottenIn(visit: Visit, lost: readonly Gap[] = lostIn(visit)): readonly (readonly Gap[])[] {
  const looks = Map.groupBy(lost, ({ missedBy }) => missedBy)
  return [...looks].flatMap(([look, gone]) => (gone.length > 1 && !isOneLeft(visit, look) ? [gone] : []))
}

function isOneLeft(visit: Visit, look: Moment): boolean {
  return putsOf(visit).some(
    ({ outcome, endedAtMs, gap }) =>
      outcome === 'ok' && endedAtMs < look.sentAtMs && (gap === undefined || gap.missedBy.sentAtMs > look.sentAtMs),
  )
}

/** Whether it had ended before all contents were gone, and so was lost with them. */
export function isForgotten(visit: Visit, { endedAtMs }: { readonly endedAtMs: number }): boolean {
  return forgottenIn(visit).some(([gap]) => gap !== undefined && gap.missedBy.sentAtMs > endedAtMs)
}
