/**
 * The durations of the protocol. The lease times are part of its safety, so they are the same on every peer of a protocol
 * version, and no option: to change one of them, change the version.
 */
export interface Timing {
  /** An acknowledged change replaces a heartbeat to that peer. */
  readonly heartbeatMs: number
  /** How long an echo counts, from the sending of its heartbeat. */
  readonly leaseMs: number
  /** How long a view that drops a full member commits nothing: a lease, and the drift of clocks. */
  readonly guardMs: number
  /** A peer that was not heard for so long, or has not heard this one, is suspected. */
  readonly suspectMs: number
  /**
   * A peer without a link for so long is suspected, if its death is not proven. A shorter wait gains nothing: a view without
   * that peer commits nothing before its lease is over.
   */
  readonly relinkMs: number
  /** How long no silence is suspected after a pause of this process. */
  readonly patienceMs: number
  /** A peer is quiet once it was not used for so long, and nothing is open. */
  readonly awakeMs: number
  /** A change without an answer is sent again, the first time after so long. */
  readonly resendMs: number
  /** How long a replica may wait to hear that a change is committed; a reader there asks. Much less than `replayMs`. */
  readonly validateMs: number
  /** A change that was pending for so long is driven on by each full replica that holds it. */
  readonly replayMs: number
  /** The distance of turns: to propose a view, and half of it to drive on what a dead coordinator left. */
  readonly turnMs: number
  /** Every verb is answered or refused within this time. */
  readonly verbMs: number
  /** A majority founds a mesh without the others when each of its processes has run for so long. */
  readonly foundMs: number
  readonly repairMs: number
  /** An expired record is absent at once, and is removed so much later, when no message about it is in flight. */
  readonly keepMs: number
  /** The number of buckets; the same everywhere. */
  readonly buckets: number
}

/** How often a peer looks whether it can go on, where no message will tell. */
export const TICK_MS = 10

export const standardTiming: Timing = {
  heartbeatMs: 40,
  leaseMs: 150,
  guardMs: 165,
  suspectMs: 300,
  relinkMs: 110,
  patienceMs: 100,
  awakeMs: 3_000,
  resendMs: 40,
  validateMs: 40,
  replayMs: 100,
  turnMs: 50,
  verbMs: 2_000,
  foundMs: 3_000,
  repairMs: 2_000,
  keepMs: 5_000,
  buckets: 1_024,
}
