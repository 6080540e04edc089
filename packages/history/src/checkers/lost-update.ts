import { lostFor } from '../ledger/cart.ts'
import { type Checker, finding, NOTHING } from './checker.ts'
import { writesOf } from '../ledger/settled.ts'
import { type CountProblem, overlaps, type Visit, type Write } from '../ledger/visit.ts'

/** Two tabs changed the session concurrently, both changes were acknowledged, and one is gone. */
export const lostUpdate: Checker = {
  kind: 'lost-update',

  observe({ visit, count }) {
    const rival = count && rivalOfCount(visit, count)
    if (count?.other === undefined || rival === undefined) return NOTHING
    const { sent, ended } = count.done
    const text =
      rival === count.other
        ? `${visit.user} counted at once in two tabs, both to ${ended.count}`
        : `${visit.user} counted to ${count.other.count} while another tab changed the session, and to ${ended.count} after that`
    return finding(visit, [count.other.op, rival.op, sent.op], text)
  },

  over: (visit) =>
    lostFor(visit).flatMap(({ put, missedBy }) => {
      const rival = rivalOf(visit, put)
      if (rival === undefined) return NOTHING
      const text = `${visit.user} put ${put.sku} into the cart while another tab changed it too, and it is gone`
      return finding(visit, [put.op, rival.op, missedBy.op], text)
    }),
}

/** A concurrent write of another tab that may have overwritten this one. A failed write wrote nothing. */
export function rivalOf(visit: Visit, own: Write): Write | undefined {
  return findRival(visit, own, new Set())
}

/** The two counts were concurrent, or the lost one was concurrent with another write. */
export function rivalOfCount(visit: Visit, { problem, done, other }: CountProblem): Write | undefined {
  if (!isLoss(problem) || other === undefined) return undefined
  const { sent, ended } = done
  const isMet = other.tab !== sent.tab && overlaps({ sentAtMs: sent.sentAtMs, endedAtMs: ended.endedAtMs }, other)
  return isMet ? other : rivalOf(visit, other)
}

export function isLoss(problem: CountProblem['problem']): boolean {
  return problem === 'taken' || problem === 'behind'
}

/** A write that is lost itself can't have overwritten another, unless a rival of its own overwrote it later. */
function findRival(visit: Visit, own: Write, asked: Set<Write>): Write | undefined {
  asked.add(own)
  const met = writesOf(visit).filter(
    (other) => other.tab !== own.tab && other.outcome !== 'failed' && !asked.has(other) && overlaps(own, other),
  )
  return met.find((other) => !isLost(other)) ?? met.find((other) => findRival(visit, other, asked) !== undefined)
}

function isLost(write: Write): boolean {
  return 'gap' in write && write.gap !== undefined
}
