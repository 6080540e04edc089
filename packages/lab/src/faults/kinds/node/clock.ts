import { isWhole } from '../../contract/fields.ts'
import { selfInflictedFault } from './self-inflicted-fault.ts'

const SKEW_MAX_MS = 86_400_000
/** In a campaign: more than any lease, and less than the idle timeout. */
const SKEW_DRAWN_MAX_MS = 300_000

/** Shifts the node's wall clock; its timers are not affected. */
export const clock = selfInflictedFault('clock', {
  fields: {
    skewMs: {
      takes: `whole milliseconds, ${-SKEW_MAX_MS} to ${SKEW_MAX_MS} and not 0`,
      accepts: (value) => value !== 0 && isWhole(value, -SKEW_MAX_MS, SKEW_MAX_MS),
    },
  },
  drawn: (random) => ({ skewMs: (random() < 0.5 ? -1 : 1) * (1 + Math.floor(random() * SKEW_DRAWN_MAX_MS)) }),
})
