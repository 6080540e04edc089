import { STILL_OPEN } from '../trace/events.ts'
import { type Checker, finding, NOTHING } from './checker.ts'

/**
 * A socket was still open, and its node answered over it, when the session's end had been acknowledged for 250 ms. Not where a fault stood
 * that may have kept the node from hearing of it.
 */
export const outlivedSocket: Checker = {
  kind: 'outlived-socket',

  observe({ visit, done, calmSinceMs }) {
    const { sent, ended } = done
    const { logout } = visit
    if (sent.kind !== 'linger' || ended.why !== STILL_OPEN || logout === undefined) return NOTHING
    if (calmSinceMs > logout.sentAtMs) return NOTHING
    const openMs = Math.round(ended.endedAtMs - logout.endedAtMs)
    const text = `${visit.user} had logged out, and a socket of the session was still open ${openMs} ms later`
    return finding(visit, [logout.op, sent.op], text, openMs)
  },
}
