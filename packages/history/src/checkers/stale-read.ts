import { type Checker, finding, NOTHING } from './checker.ts'

/** An acknowledged item was not visible at first, and was later. The weight is the time since the acknowledgement. */
export const staleRead: Checker = {
  kind: 'stale-read',

  observe({ visit, returned }) {
    if (returned.length === 0) return NOTHING
    return returned.flatMap(({ put, missedBy, wasSeen, hasLater, shownAgainBy }) => {
      if (wasSeen || hasLater || shownAgainBy === undefined) return NOTHING
      const staleMs = Math.round(missedBy.sentAtMs - put.endedAtMs)
      const text = `${visit.user} did not see ${put.sku} in the cart ${staleMs} ms after it was acknowledged, and saw it later`
      return finding(visit, [put.op, missedBy.op, shownAgainBy.op], text, staleMs)
    })
  },
}
