import { count } from '../trace/counts.ts'
import { type Checker, finding, NOTHING } from './checker.ts'
import { markReported } from '../ledger/visit.ts'

/** A user got another user's name, items or marker, or a made-up cookie opened a session. */
export const leak: Checker = {
  kind: 'leak',

  observe({ visit, done, strangers, floor }) {
    const { sent, ended } = done
    const { op, user, kind } = sent
    if (kind === 'forge' && ended.as !== undefined) {
      return finding(visit, [op], `a cookie that ${user} made up was taken for ${ended.as}'s`)
    }
    if (ended.as !== undefined && ended.as !== user) {
      return finding(visit, [op], `${user} was served as ${ended.as} (${kind})`)
    }
    const elsewhere = floor.find(({ problem }) => problem === 'elsewhere')
    if (elsewhere?.problem === 'elsewhere' && markReported(visit, 'elsewhere')) {
      const { answer, before } = elsewhere
      const text = `${user} was at ${String(before.at)} after ${count(before.moves, 'move')} and at ${String(answer.at)} after ${answer.moves}, where none of its moves lead`
      return finding(visit, [before.op, answer.op], text)
    }
    const other = strangers.find(({ owner }) => owner !== undefined && owner.visit.user !== user)
    if (other?.owner === undefined || !markReported(visit, `leak ${other.sku}`)) return NOTHING
    return finding(
      visit,
      [other.owner.op, op],
      `${user} saw ${other.sku} in the cart, which ${other.owner.visit.user} put there`,
    )
  },
}
