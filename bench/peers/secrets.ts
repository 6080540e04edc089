/** All nodes of a cluster sign with the same key. */
export const SIGNING_KEY = 'a signing key for a benchmark, and for nothing else'
export const MAX_AGE_MS = 1_800_000
