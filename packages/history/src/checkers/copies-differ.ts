import { LOGGED_OUT } from '../events.ts'
import { type Checker, finding, NOTHING } from './checker.ts'
import { writesOf } from './settled.ts'
import type { Copy, Done, Moment, Visit } from './visit.ts'

/** After the dust settled, two nodes that were asked one after the other know different things of one session. */
export const copiesDiffer: Checker = {
  kind: 'copies-differ',

  over(visit) {
    const [first, ...others] = visit.copies.filter((copy) => !isDisturbed(visit, copy))
    const other = first && others.find(({ content }) => content !== first.content)
    if (first === undefined || other === undefined) return NOTHING
    const nodes = [first, other].map(({ askedNode }) => askedNode).join(' and ')
    const text = `${nodes} had different copies of ${visit.user}'s session when nobody was changing it any more`
    return finding(visit, [first.op, other.op], text)
  },
}

/** What the node had; nothing where it could not be asked. */
export function copyOf({ sent, ended }: Done, moment: Moment): readonly Copy[] {
  const { node: askedNode = '' } = sent
  if (ended.why === LOGGED_OUT) return [{ ...moment, askedNode, content: '' }]
  if (ended.outcome !== 'ok') return []
  const items = (ended.items ?? []).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return [{ ...moment, askedNode, content: `${ended.as} ${JSON.stringify(items)}` }]
}

function isDisturbed(visit: Visit, copy: Copy): boolean {
  const isChanging = writesOf(visit).some(
    ({ endedAtMs, outcome }) => outcome !== 'failed' && endedAtMs >= copy.sentAtMs,
  )
  return isChanging || copy.endedAtMs > visit.leavingAtMs
}
