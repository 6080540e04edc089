import { count } from '../trace/counts.ts'
import { type Checker, finding, type Finding, NOTHING } from './checker.ts'
import type { FloorProblem } from '../ledger/visit.ts'
import { putsOf } from '../ledger/settled.ts'
import type { Gap, Visit } from '../ledger/visit.ts'

/** A user saw an item or a move, and a later look did not show it. */
export const backInTime: Checker = {
  kind: 'back-in-time',

  observe: ({ visit, returned, floor }) =>
    returned.length === 0 && floor.length === 0
      ? NOTHING
      : [
          ...returned.filter(({ wasSeen }) => wasSeen).flatMap((gap) => seenThenMissed(visit, gap)),
          ...floor.flatMap((each) => (each.problem === 'behind' ? movedBack(visit, each) : NOTHING)),
        ],

  /** An item that was never acknowledged is no loss when it is gone, but it had been seen. */
  over(visit) {
    const { shortfall } = visit.floor ?? {}
    const isGone = shortfall !== undefined && shortfall.lost === 0
    return [
      ...putsOf(visit).flatMap(({ gap, outcome }) =>
        gap?.wasSeen === true && outcome !== 'ok' ? seenThenMissed(visit, gap) : NOTHING,
      ),
      ...(isGone ? movedBack(visit, { problem: 'behind', ...shortfall, again: undefined }) : NOTHING),
    ]
  },
}

type Behind = Extract<FloorProblem, { readonly problem: 'behind' }>

function movedBack(visit: Visit, { answer, proof, again }: Behind): readonly Finding[] {
  const ops = [proof.op, answer.op, ...(again === undefined ? [] : [again.op])]
  const later = again === undefined ? '' : `, and at ${again.moves} later`
  const text = `${visit.user} had moved further, then was at ${count(answer.moves, 'move')}${later}`
  return finding(visit, ops, text, answer.sentAtMs - proof.endedAtMs)
}

function seenThenMissed(visit: Visit, { put, missedBy, shownAgainBy }: Gap): readonly Finding[] {
  if (put.seenBy === undefined) return NOTHING
  const again = shownAgainBy === undefined ? '' : ', and saw it again later'
  const ops = [put.op, put.seenBy.op, missedBy.op, ...(shownAgainBy ? [shownAgainBy.op] : [])]
  const ageMs = missedBy.sentAtMs - put.seenBy.endedAtMs
  return finding(visit, ops, `${visit.user} had seen ${put.sku} in the cart, then did not see it${again}`, ageMs)
}
