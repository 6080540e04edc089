import { edgeFault } from './edge-fault.ts'
import { direction } from '../../contract/fields.ts'

/** Resets every connection now, or the next one if there is none. In one direction: only that end gets the reset. */
export const reset = edgeFault('reset', { fields: { direction }, isMomentary: true })
