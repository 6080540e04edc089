import { edgeFault } from './edge-fault.ts'
import { direction } from '../../contract/fields.ts'

/** Closes the connections and refuses new ones. In one direction: what is sent that way is silently dropped. */
export const cut = edgeFault('cut', { fields: { direction } })
