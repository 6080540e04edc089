import { edgeFault } from './edge-fault.ts'
import { direction } from '../../contract/fields.ts'

/** Connections are accepted and stay open, but nothing passes until the fault is healed. */
export const hold = edgeFault('hold', { fields: { direction } })
