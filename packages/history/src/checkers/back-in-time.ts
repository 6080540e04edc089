import { type Checker, finding, type Finding, NOTHING } from './checker.ts'
import { putsOf } from '../ledger/settled.ts'
import type { Gap, Visit } from '../ledger/visit.ts'

/** A user saw something, then saw a state from before it. */
export const backInTime: Checker = {
  kind: 'back-in-time',

  observe: ({ visit, returned }) =>
    returned.length === 0
      ? NOTHING
      : returned.filter(({ wasSeen }) => wasSeen).flatMap((gap) => seenThenMissed(visit, gap)),

  /** What was never acknowledged is no loss when it is gone, but it had been there to see. */
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
