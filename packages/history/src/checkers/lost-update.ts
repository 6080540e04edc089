import { forgotAll, lostFor } from './cart.ts'
import { type Checker, finding, NOTHING } from './checker.ts'
import { type Done, overlaps, type Put, type Visit, type Write } from './visit.ts'

/** Two tabs changed the session at once, both were told that it was done, and one of the changes is gone. */
export const lostUpdate: Checker = {
  kind: 'lost-update',

  observe({ visit, count }) {
    if (count === undefined || count.problem === 'ahead' || count.other === undefined) return NOTHING
    if (!rivalOf(visit, count.done, count.other)) return NOTHING
    const { sent, ended } = count.done
    return finding(
      visit,
      [count.other.op, sent.op],
      `${visit.user} counted at once in two tabs, both to ${ended.count}`,
    )
  },

  over(visit) {
    if (forgotAll(visit).length > 0) return NOTHING
    return lostFor(visit).flatMap(({ put, missedBy }) => {
      const rival = rivalOf(visit, put)
      if (rival === undefined) return NOTHING
      const text = `${visit.user} put ${put.sku} into the cart while another tab changed it too, and it is gone`
      return finding(visit, [put.op, rival.op, missedBy.op], text)
    })
  },
}

/** What another tab wrote meanwhile and may have put in its place: what failed wrote nothing, and neither did what is lost. */
export function rivalOf(visit: Visit, write: Put | Done, only?: Write): Write | undefined {
  const own = 'sent' in write ? { ...write.sent, ...write.ended } : write
  return visit.writes.find(
    (other) =>
      (only === undefined || other === only) &&
      other.op !== own.op &&
      other.tab !== own.tab &&
      other.outcome !== 'failed' &&
      !('gap' in other && other.gap !== undefined) &&
      overlaps(own, other),
  )
}
