import { count } from '../trace/counts.ts'
import type { FloorProblem } from '../ledger/visit.ts'
import type { Visit } from '../ledger/visit.ts'
import { type Checker, finding, type Finding, NOTHING } from './checker.ts'

/** A move on the floor was acknowledged, and from some answer on it was missing for good. */
export const lostMove: Checker = {
  kind: 'lost-move',

  observe: ({ visit, floor }) =>
    floor.length === 0 ? NOTHING : floor.flatMap((each) => (each.problem === 'lost' ? lost(visit, each) : NOTHING)),

  over(visit) {
    const { shortfall } = visit.floor ?? {}
    if (shortfall === undefined || shortfall.lost === 0) return NOTHING
    return lost(visit, { problem: 'lost', ...shortfall, confirmedBy: undefined })
  },
}

type Loss = Extract<FloorProblem, { readonly problem: 'lost' }>

function lost(visit: Visit, { answer, lost: times, proof, confirmedBy }: Loss): readonly Finding[] {
  const ops = [proof.op, answer.op, ...(confirmedBy === undefined ? [] : [confirmedBy.op])]
  const what = times === 1 ? 'an acknowledged move was' : `${times} acknowledged moves were`
  return finding(visit, ops, `${visit.user} was at ${count(answer.moves, 'move')}, and ${what} missing`, times)
}
