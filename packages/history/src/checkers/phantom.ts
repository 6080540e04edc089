import { type Checker, finding, NOTHING } from './checker.ts'
import { tellOnce } from '../ledger/visit.ts'

/** Something is in the cart that nobody put into any, as far back as is known: to the visit before the present one. */
export const phantom: Checker = {
  kind: 'phantom',

  observe({ visit, done, strangers }) {
    const nobodys = strangers.find(({ owner, sku }) => owner === undefined && tellOnce(visit, `phantom ${sku}`))
    if (nobodys === undefined) return NOTHING
    return finding(
      visit,
      [done.sent.op],
      `${visit.user} found ${nobodys.sku} in the cart, which is of nobody's present visit or the one before`,
    )
  },
}
