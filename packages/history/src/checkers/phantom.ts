import { type Checker, finding, NOTHING } from './checker.ts'
import { markReported } from '../ledger/visit.ts'

/** The cart has an item that no user put into any cart in the present visit or the one before. */
export const phantom: Checker = {
  kind: 'phantom',

  observe({ visit, done, strangers }) {
    const unowned = strangers.find(({ owner, sku }) => owner === undefined && markReported(visit, `phantom ${sku}`))
    if (unowned === undefined) return NOTHING
    return finding(
      visit,
      [done.sent.op],
      `${visit.user} found ${unowned.sku} in the cart, which no user put there in the present visit or the one before`,
    )
  },
}
