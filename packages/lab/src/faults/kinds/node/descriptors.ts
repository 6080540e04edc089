import { selfInflictedFault } from './self-inflicted-fault.ts'

/** The node has no file descriptor left, so it can neither accept connections nor make new ones. */
export const descriptors = selfInflictedFault('descriptors')
