import { hardship } from './hardship.ts'

/** The node has no file descriptor left: it can accept nobody, and reach nobody anew. */
export const descriptors = hardship('descriptors')
