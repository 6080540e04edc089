import { type Checker, finding, NOTHING } from './checker.ts'
import { writesOf } from '../ledger/settled.ts'
import type { Copy, Visit } from '../ledger/visit.ts'

/** Two nodes have different copies of a session, after its last change should have been replicated. */
export const copiesDiffer: Checker = {
  kind: 'copies-differ',

  over(visit) {
    const [first, ...others] = visit.copies.filter((copy) => !isDisturbed(visit, copy))
    const other = first && others.find(({ content }) => content !== first.content)
    if (first === undefined || other === undefined) return NOTHING
    const nodes = [first, other].map(({ askedNode }) => askedNode).join(' and ')
    const text = `${nodes} had different copies of ${visit.user}'s session when no user was changing it any more`
    return finding(visit, [first.op, other.op], text)
  },
}

function isDisturbed(visit: Visit, copy: Copy): boolean {
  const isChanging = writesOf(visit).some(
    ({ endedAtMs, outcome }) => outcome !== 'failed' && endedAtMs >= copy.sentAtMs,
  )
  return isChanging || copy.endedAtMs > visit.leavingAtMs
}
