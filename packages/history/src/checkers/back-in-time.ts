import { type Checker, finding, type Finding, NOTHING } from './checker.ts'
import { putsOf } from '../ledger/settled.ts'
import type { Gap, Visit } from '../ledger/visit.ts'

/** A user saw an item, and a later look did not show it. */
export const backInTime: Checker = {
  kind: 'back-in-time',

  observe: ({ visit, returned }) =>
    returned.length === 0
      ? NOTHING
      : returned.filter(({ wasSeen }) => wasSeen).flatMap((gap) => seenThenMissed(visit, gap)),

  /** An item that was never acknowledged is no loss when it is gone, but it had been seen. */
  over: (visit) =>
    putsOf(visit).flatMap(({ gap, outcome }) =>
      gap?.wasSeen === true && outcome !== 'ok' ? seenThenMissed(visit, gap) : NOTHING,
    ),
}

function seenThenMissed(visit: Visit, { put, missedBy, shownAgainBy }: Gap): readonly Finding[] {
  if (put.seenBy === undefined) return NOTHING
  const again = shownAgainBy === undefined ? '' : ', and saw it again later'
  const ops = [put.op, put.seenBy.op, missedBy.op, ...(shownAgainBy ? [shownAgainBy.op] : [])]
  const ageMs = missedBy.sentAtMs - put.seenBy.endedAtMs
  return finding(visit, ops, `${visit.user} had seen ${put.sku} in the cart, then did not see it${again}`, ageMs)
}
