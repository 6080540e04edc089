import { type Checker, finding, NOTHING } from './checker.ts'

/** A session's sockets are closed so soon after its end was acknowledged. */
export const CLOSED_WITHIN_MS = 250

/**
 * A socket was still open when the session's end had been acknowledged for 250 ms. Not where a fault stood that may have kept the node
 * from hearing of it.
 */
export const outlivedSocket: Checker = {
  kind: 'outlived-socket',

  observe({ visit, done, calmSinceMs }) {
    const { sent, ended } = done
    const { logout } = visit
    // When the socket is known to have been open.
    const { openAtMs = Number.NEGATIVE_INFINITY } = ended
    if (sent.kind !== 'linger' || logout === undefined || calmSinceMs > logout.sentAtMs) return NOTHING
    const openMs = Math.round(openAtMs - logout.endedAtMs)
    if (openMs <= CLOSED_WITHIN_MS) return NOTHING
    const text = `${visit.user} had logged out, and a socket of the session was still open ${openMs} ms later`
    return finding(visit, [logout.op, sent.op], text, openMs)
  },
}
