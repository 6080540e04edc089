import { forgottenIn } from '../ledger/cart.ts'
import { type Checker, finding, NOTHING } from './checker.ts'

/** The user is still logged in, but all contents of the session are gone. */
export const amnesia: Checker = {
  kind: 'amnesia',

  over: (visit) =>
    forgottenIn(visit).flatMap((gaps) => {
      const [first] = gaps
      if (first === undefined) return NOTHING
      const ops = [...gaps.map(({ put }) => put.op), first.missedBy.op]
      const text = `${visit.user} was still logged in, and all ${gaps.length} things were gone`
      return finding(visit, ops, text, gaps.length)
    }),
}
