import { type Checker, finding, NOTHING } from './checker.ts'
import { markReported, type Visit } from '../ledger/visit.ts'

/** An operation that failed, provably without effect, had an effect. */
export const visibleThoughFailed: Checker = {
  kind: 'visible-though-failed',

  observe({ visit, undead, count }) {
    if (count?.problem === 'undone' && count.other !== undefined) {
      const { sent, ended } = count.done
      const text = `${visit.user} was told that it could not be counted, and counted to ${ended.count} after that`
      return finding(visit, [count.other.op, ...countsBefore(visit, sent.op), sent.op], text)
    }
    const put = undead.find(({ sku }) => markReported(visit, `undead ${sku}`))
    if (put?.seenBy === undefined) return NOTHING
    const text = `${visit.user} was told that ${put.sku} could not be put into the cart, and found it there`
    return finding(visit, [put.op, put.seenBy.op], text)
  },
}

/** All of them are part of the proof that the count is one too high. */
function countsBefore({ counts }: Visit, op: number): number[] {
  return counts.flatMap((each) => (each.outcome !== 'failed' && each.op < op ? [each.op] : []))
}
