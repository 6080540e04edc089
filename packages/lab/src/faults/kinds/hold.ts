import { edgeFault } from './edge-fault.ts'
import { direction } from './fields.ts'

/** Connections are accepted and kept, and nothing passes until it is healed. */
export const hold = edgeFault('hold', { fields: { direction } })
