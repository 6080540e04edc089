import { edgeFault } from './edge-fault.ts'
import { direction } from './fields.ts'

/** Every connection is reset now, or the next one where there is none. One way: only who is at that end hears of it. */
export const reset = edgeFault('reset', { fields: { direction }, isMomentary: true })
