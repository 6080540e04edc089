/**
 * How long things take in a mesh. The lease times are part of what makes it right, so they are the same on every peer of a
 * protocol version, and no option; whoever changes one of those changes the version.
 */
export interface Timing {
  readonly heartbeatMs: number
  /** For how long an echo counts, from the sending of its heartbeat. */
  readonly leaseMs: number
  /** For how long a new view without some former member commits nothing: a lease, and what clocks may differ in rate. */
  readonly guardMs: number
  /** A peer not heard of for so long, or that has not heard us, is taken for dead. */
  readonly suspectMs: number
  /**
   * A link that is gone may come back within this time; nothing that connects again is dead. To wait for less gains nothing: a
   * view without that peer commits nothing before its lease is over.
   */
  readonly relinkMs: number
  /** After a pause of this process, for how long nobody is taken for dead. */
  readonly patienceMs: number
  /** What has no answer yet is sent again. */
  readonly resendMs: number
  /** A change not known to be committed for so long is driven on by whoever has it. */
  readonly replayMs: number
  /** One member after the other gets its turn to propose a view, or to drive on what a dead one left. */
  readonly turnMs: number
  /** Within this time every verb is answered or refused. */
  readonly verbMs: number
  /** A majority of names found a mesh without the others only when those were not seen for so long. */
  readonly foundMs: number
  readonly repairMs: number
  /** An expired record is absent at once; its memory is given back so much later, when no message about it is under way. */
  readonly keepMs: number
  /** In so many buckets the keys are placed, digested and fetched. The same everywhere. */
  readonly buckets: number
}

export const TICK_MS = 10

export const standardTiming: Timing = {
  heartbeatMs: 40,
  leaseMs: 150,
  guardMs: 165,
  suspectMs: 300,
  relinkMs: 110,
  patienceMs: 100,
  resendMs: 40,
  replayMs: 100,
  turnMs: 50,
  verbMs: 2_000,
  foundMs: 3_000,
  repairMs: 2_000,
  keepMs: 5_000,
  buckets: 1_024,
}
