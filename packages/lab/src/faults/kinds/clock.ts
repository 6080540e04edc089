import { isWhole } from './fields.ts'
import { selfInflictedFault } from './self-inflicted-fault.ts'

const SKEW_MAX_MS = 86_400_000
/** In a series: more than any lease, and less than the time in which an unused session ends. */
const SKEW_DRAWN_MAX_MS = 300_000

/** The node's wall clock is wrong by so much; its timers are not. */
export const clock = selfInflictedFault('clock', {
  fields: {
    skewMs: {
      takes: `whole milliseconds, ${-SKEW_MAX_MS} to ${SKEW_MAX_MS} and not 0`,
      accepts: (value) => value !== 0 && isWhole(value, -SKEW_MAX_MS, SKEW_MAX_MS),
    },
  },
  drawn: (random) => ({ skewMs: (random() < 0.5 ? -1 : 1) * (1 + Math.floor(random() * SKEW_DRAWN_MAX_MS)) }),
})
