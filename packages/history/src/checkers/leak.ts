import { type Checker, finding, NOTHING } from './checker.ts'
import { markReported } from '../ledger/visit.ts'

/** A user got another user's name or items, or a made-up cookie opened a session. */
export const leak: Checker = {
  kind: 'leak',

  observe({ visit, done, strangers }) {
    const { sent, ended } = done
    const { op, user, kind } = sent
    if (kind === 'forge' && ended.as !== undefined) {
      return finding(visit, [op], `a cookie that ${user} made up was taken for ${ended.as}'s`)
    }
    if (ended.as !== undefined && ended.as !== user) {
      return finding(visit, [op], `${user} was served as ${ended.as} (${kind})`)
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
