import { edgeFault } from './edge-fault.ts'
import { direction, whole } from '../../contract/fields.ts'

const BANDWIDTH_MAX = 1_000_000_000
const DRAWN_MIN = 2_000
const DRAWN_SPAN = 50_000

/** Limits the bytes a second of each connection, in the given directions. */
export const bandwidth = edgeFault('bandwidth', {
  fields: { bytesPerSecond: whole('bytes', 1, BANDWIDTH_MAX), direction },
  drawn: (random) => ({ bytesPerSecond: DRAWN_MIN + Math.floor(random() * DRAWN_SPAN) }),
})
