import { type Checker, finding, NOTHING } from './checker.ts'
import { tellOnce } from './visit.ts'

/** It failed, provably without effect, and is there. */
export const visibleThoughFailed: Checker = {
  kind: 'visible-though-failed',

  observe({ visit, undead }) {
    const put = undead.find(({ sku }) => tellOnce(visit, `undead ${sku}`))
    if (put?.seenBy === undefined) return NOTHING
    const text = `${visit.user} was told that ${put.sku} could not be put into the cart, and found it there`
    return finding(visit, [put.op, put.seenBy.op], text)
  },
}
