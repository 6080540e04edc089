import { type Checker, finding, NOTHING } from './checker.ts'
import { tellOnce } from './visit.ts'

/** Something is in the cart that nobody ever put into any. */
export const phantom: Checker = {
  kind: 'phantom',

  observe({ visit, done, strangers }) {
    const nobodys = strangers.find(({ owner, sku }) => owner === undefined && tellOnce(visit, `phantom ${sku}`))
    if (nobodys === undefined) return NOTHING
    return finding(
      visit,
      [done.sent.op],
      `${visit.user} found ${nobodys.sku} in the cart, which nobody had put anywhere`,
    )
  },
}
