import { type Checker, finding, NOTHING } from './checker.ts'
import { cameEarly } from '../ledger/expiry.ts'

/** A session that was not used for a while ended before its idle timeout. */
export const earlyExpiry: Checker = {
  kind: 'early-expiry',

  observe({ visit, done, isRefused, timeouts, before }) {
    if (!isRefused || visit.endedEarly || !cameEarly(visit, done, timeouts)) return NOTHING
    const last = before.lastUse
    if (last === undefined) return NOTHING
    const idleMs = Math.round(done.sent.sentAtMs - last.sentAtMs)
    const text = `${visit.user}'s session had ended after ${idleMs} ms without use, and had ${timeouts.idleMs} ms`
    return finding(visit, [...(visit.login ? [visit.login.op] : []), last.op, done.sent.op], text)
  },
}
