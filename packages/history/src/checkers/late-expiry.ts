import { type Checker, finding, NOTHING } from './checker.ts'
import { slackMs } from '../ledger/expiry.ts'
import { markReported } from '../ledger/visit.ts'

/** A session still worked after its idle timeout or its absolute timeout. */
export const lateExpiry: Checker = {
  kind: 'late-expiry',

  observe({ visit, done, isOwn, timeouts, before }) {
    const { login, user } = visit
    if (!isOwn || login === undefined || login.endedAtMs >= done.sent.sentAtMs) return NOTHING
    const { sentAtMs, op } = done.sent
    const idleMs = sentAtMs - before.touchedAtMs
    const ageMs = sentAtMs - login.endedAtMs
    const isIdleOver = idleMs > timeouts.idleMs + slackMs(timeouts)
    const isAgeOver = ageMs > timeouts.absoluteMs + slackMs(timeouts)
    if ((!isIdleOver && !isAgeOver) || !markReported(visit, 'late')) return NOTHING
    const text = isIdleOver
      ? `${user}'s session was open after ${Math.round(idleMs)} ms without use, and had ${timeouts.idleMs} ms`
      : `${user}'s session was open ${Math.round(ageMs)} ms after its login, and had ${timeouts.absoluteMs} ms`
    return finding(visit, [login.op, ...(before.lastUse ? [before.lastUse.op] : []), op], text)
  },
}
