import { lostFor } from '../ledger/cart.ts'
import { type Checker, finding, NOTHING } from './checker.ts'
import { isLoss, rivalOf, rivalOfCount } from './lost-update.ts'

/** A write was acknowledged, and from some look on it was missing for good. */
export const lostWrite: Checker = {
  kind: 'lost-write',

  observe({ visit, count }) {
    if (count === undefined || !isLoss(count.problem) || count.other === undefined) return NOTHING
    if (rivalOfCount(visit, count)) return NOTHING
    const { sent, ended } = count.done
    const text = `${visit.user} had counted to ${count.other.count}, and counted to ${ended.count} after that`
    return finding(visit, [count.other.op, sent.op], text)
  },

  over: (visit) =>
    lostFor(visit)
      .filter(({ put }) => rivalOf(visit, put) === undefined)
      .flatMap(({ put, missedBy }) => {
        const text = `${visit.user} was told that ${put.sku} was in the cart, and did not find it there`
        return finding(visit, [put.op, missedBy.op], text)
      }),
}
