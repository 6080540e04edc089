import { type Checker, finding, NOTHING } from './checker.ts'
import { putsOf } from '../ledger/settled.ts'

/** For a while a later write was visible and an earlier one was not. */
export const hole: Checker = {
  kind: 'hole',

  observe({ visit, returned }) {
    if (returned.length === 0) return NOTHING
    return returned.flatMap(({ put, missedBy, wasSeen, hasLater, shownAgainBy }) => {
      if (wasSeen || !hasLater || shownAgainBy === undefined) return NOTHING
      const later = putsOf(visit).find((each) => each.sentAtMs > put.endedAtMs && each.seenBy !== undefined)
      const text = `${visit.user} saw what was put into the cart after ${put.sku}, and not yet ${put.sku} itself`
      const ops = [put.op, ...(later ? [later.op] : []), missedBy.op, shownAgainBy.op]
      return finding(visit, ops, text, missedBy.sentAtMs - put.endedAtMs)
    })
  },
}
