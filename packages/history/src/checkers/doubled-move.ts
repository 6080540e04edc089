import { count } from '../trace/counts.ts'
import { type Checker, finding, NOTHING } from './checker.ts'

/** The session has more moves than its user sent. */
export const doubledMove: Checker = {
  kind: 'doubled-move',

  observe({ visit, floor }) {
    const doubled = floor.find(({ problem }) => problem === 'doubled')
    if (doubled?.problem !== 'doubled') return NOTHING
    const { answer, sent, times } = doubled
    const moved = sent.length === 1 ? 'moved once' : `moved ${sent.length} times`
    const text = `${visit.user} had ${moved}, and was at ${count(answer.moves, 'move')}`
    return finding(visit, [...sent.map(({ op }) => op), answer.op], text, times)
  },
}
