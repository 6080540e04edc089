import { forgotAll, lostFor } from './cart.ts'
import { type Checker, finding, NOTHING } from './checker.ts'
import { rivalOf } from './lost-update.ts'

/** The shop said that it had it, and from some look on it was not there any more. */
export const lostWrite: Checker = {
  kind: 'lost-write',

  observe({ visit, count }) {
    if (count === undefined || count.problem === 'ahead' || count.other === undefined) return NOTHING
    if (rivalOf(visit, count.done, count.other)) return NOTHING
    const { sent, ended } = count.done
    const text = `${visit.user} had counted to ${count.other.count}, and counted to ${ended.count} after that`
    return finding(visit, [count.other.op, sent.op], text)
  },

  over(visit) {
    if (forgotAll(visit).length > 0) return NOTHING
    return lostFor(visit)
      .filter(({ put }) => rivalOf(visit, put) === undefined)
      .flatMap(({ put, missedBy }) => {
        const text = `${visit.user} was told that ${put.sku} was in the cart, and did not find it there`
        return finding(visit, [put.op, missedBy.op], text)
      })
  },
}
