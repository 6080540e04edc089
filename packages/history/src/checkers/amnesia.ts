import { forgotAll } from './cart.ts'
import { type Checker, finding, NOTHING } from './checker.ts'

/** The session is there and its user is still logged in, but all that was in it is gone. */
export const amnesia: Checker = {
  kind: 'amnesia',

  over(visit) {
    const gaps = forgotAll(visit)
    const [first] = gaps
    if (first === undefined) return NOTHING
    const ops = [...gaps.map(({ put }) => put.op), first.missedBy.op]
    return finding(
      visit,
      ops,
      `${visit.user} was still logged in, and all ${gaps.length} things were gone`,
      gaps.length,
    )
  },
}
