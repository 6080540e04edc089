import { selfInflictedFault } from './self-inflicted-fault.ts'

/** The node has no file descriptor left: it can accept nobody, and reach nobody anew. */
export const descriptors = selfInflictedFault('descriptors')
