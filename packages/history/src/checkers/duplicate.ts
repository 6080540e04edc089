import { type Checker, finding, NOTHING } from './checker.ts'
import { markReported } from '../ledger/visit.ts'

/** An operation that was done once had its effect twice. */
export const duplicate: Checker = {
  kind: 'duplicate',

  observe({ visit, done, doubled, count }) {
    if (count?.problem === 'ahead') {
      const { sent, ended } = count.done
      const counts = visit.counts.filter(({ outcome }) => outcome !== 'failed')
      const text = `${visit.user} had counted ${counts.length === 1 ? 'once' : `${counts.length} times`}, and was at ${ended.count}`
      return finding(visit, [...counts.map(({ op }) => op), sent.op], text)
    }
    const put = doubled.find(({ sku }) => markReported(visit, `doubled ${sku}`))
    if (put === undefined) return NOTHING
    return finding(
      visit,
      [put.op, done.sent.op],
      `${visit.user} put ${put.sku} into the cart once, and found it there twice`,
    )
  },
}
