import { type Checker, finding, type Finding, NOTHING } from './checker.ts'
import { count } from '../trace/counts.ts'
import { acknowledgedMoves } from '../ledger/floor.ts'
import { putsOf } from '../ledger/settled.ts'
import type { Visit } from '../ledger/visit.ts'

/** A user who was logged in, did not log out and was not idle for too long got a 401, and never an answer as logged in again. */
export const lostSession: Checker = {
  kind: 'lost-session',

  observe({ visit, done }) {
    const isNewLogin = done.sent.kind === 'login' && done.ended.outcome === 'ok'
    return isNewLogin ? lost(visit) : NOTHING
  },

  over: lost,
}

function lost(visit: Visit): readonly Finding[] {
  const { refusal, login, user } = visit
  if (refusal === undefined || login === undefined) return NOTHING
  const gone = putsOf(visit).filter(({ outcome }) => outcome === 'ok').length
  const moved = acknowledgedMoves(visit)
  const losses = [
    ...(gone === 0 ? [] : [`${count(gone, 'acknowledged thing')} in the cart`]),
    ...(moved === 0 ? [] : [`${count(moved, 'acknowledged move')} on the floor`]),
  ]
  const withIt = losses.length === 0 ? '' : `, and lost ${losses.join(' and ')}`
  const text = `${user} was logged in and was told to log in again${withIt}`
  return finding(visit, [login.op, refusal.op], text, 1 + gone + moved)
}
