/** A look at a cart, against what ought to be in it. */
import type { Done, Gap, Moment, Put, Stranger, Visit } from './visit.ts'

export interface Look {
  readonly strangers: readonly Stranger[]
  readonly doubled: readonly Put[]
  readonly undead: readonly Put[]
  readonly returned: readonly Gap[]
}

export const NO_LOOK: Look = { strangers: [], doubled: [], undead: [], returned: [] }

const SKIPPED_MAX = 4

type Found = { [K in keyof Look]: Look[K][number][] }

/** Marks what the look shows, and opens and closes the gaps of what ought to be there. */
export function lookAt(visit: Visit, done: Done, moment: Moment, puts: ReadonlyMap<string, Put>): Look {
  const found: Found = { strangers: [], doubled: [], undead: [], returned: [] }
  const latestShownMs = markShown(visit, done, moment, puts, found)
  for (const put of visit.puts) {
    if (put.shownIn === moment.op) closeGap(put, moment, found)
    else missed(put, moment, latestShownMs)
  }
  return found
}

/** Returns when the last of what is shown was put in. */
function markShown(
  visit: Visit,
  { ended }: Done,
  moment: Moment,
  puts: ReadonlyMap<string, Put>,
  found: Found,
): number {
  let latestShownMs = Number.NEGATIVE_INFINITY
  let next = 0
  for (const [sku, quantity] of ended.items ?? []) {
    const index = positionOf(visit.puts, sku, next)
    const put = index === undefined ? puts.get(sku) : visit.puts[index]
    if (index !== undefined) next = index + 1
    if (put === undefined || put.visit !== visit) {
      found.strangers.push({ sku, put })
      continue
    }
    put.shownIn = moment.op
    // What a put answers of its own thing is its acknowledgement, and no look.
    if (put.op !== moment.op) put.seenBy ??= moment
    latestShownMs = Math.max(latestShownMs, put.sentAtMs)
    if (quantity > 1) found.doubled.push(put)
    if (put.outcome === 'failed') found.undead.push(put)
  }
  return latestShownMs
}

/** A cart is usually told in the order in which it was filled, and to compare is several times faster than to look up. */
function positionOf(puts: readonly Put[], sku: string, from: number): number | undefined {
  for (let index = from; index < Math.min(puts.length, from + SKIPPED_MAX); index++) {
    if (puts[index]?.sku === sku) return index
  }
  return undefined
}

function closeGap(put: Put, moment: Moment, found: Found): void {
  if (put.outcome === 'ok' && put.endedAtMs < moment.sentAtMs) put.looked = true
  if (put.gap === undefined) return
  put.gap.shownAgainBy = moment
  found.returned.push(put.gap)
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
