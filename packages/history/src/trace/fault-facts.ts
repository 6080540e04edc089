/** What was said of a fault beside its target. */
export interface FaultFacts {
  /** Where in a request a `crash` lands, in which of those that come, and of which operation alone. */
  readonly point?: string
  readonly request?: number
  readonly operation?: string
  /** Healed by itself after so long. */
  readonly durationMs?: number
  /** How far a `clock` is ahead; negative when it is behind. */
  readonly skewMs?: number
  /** What `memory` takes at most. */
  readonly megabytes?: number
  /** Of an edge: each chunk is late by `latencyMs` and up to `jitterMs` more; so many bytes pass in a second. */
  readonly latencyMs?: number
  readonly jitterMs?: number
  readonly bytesPerSecond?: number
  /** Of an edge: `request` is away from who connects, `answer` is back. */
  readonly direction?: string
}
