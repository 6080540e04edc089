/** The options of a fault. */
export interface FaultFacts {
  /** For `crash`: the crash point, the number of the request, and the operation. */
  readonly point?: string
  readonly request?: number
  readonly operation?: string
  /** Heals by itself after this time. */
  readonly durationMs?: number
  /** For `clock`: how far it is ahead; negative if it is behind. */
  readonly skewMs?: number
  /** For `memory`: the most megabytes. */
  readonly megabytes?: number
  /** For edges: each chunk is delayed by `latencyMs` and up to `jitterMs` more; the bytes a second. */
  readonly latencyMs?: number
  readonly jitterMs?: number
  readonly bytesPerSecond?: number
  /** For edges: `request` is from the process that connects, `answer` is back to it. */
  readonly direction?: string
}
