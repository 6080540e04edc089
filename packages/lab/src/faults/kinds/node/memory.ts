import { whole } from '../../contract/fields.ts'
import { selfInflictedFault } from './self-inflicted-fault.ts'

const MEGABYTES_MAX = 4_096
const MEGABYTES = 256
/** On a machine that is too busy, the pages of so much memory have taken more than 20 seconds. */
const FILLED_WITHIN_MS = 60_000

/** Fills the node's heap: by so many megabytes, or until a tenth of its limit is left. */
export const memory = selfInflictedFault('memory', {
  fields: { megabytes: whole('megabytes', 1, MEGABYTES_MAX, MEGABYTES) },
  landsWithinMs: FILLED_WITHIN_MS,
  drawn: () => ({ megabytes: MEGABYTES }),
})
