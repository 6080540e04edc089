import { edgeFault } from './edge-fault.ts'
import { direction } from './fields.ts'

/** Whoever is connected is thrown out, and whoever connects is refused. One way: what is sent that way is lost in silence. */
export const cut = edgeFault('cut', { fields: { direction } })
