/** The process at the other end of a link. */
export interface LinkedPeer {
  readonly incarnation: number
  /** Of the protocol, as the two ends agreed. */
  readonly version: number
}

/** From this version on a peer may be quiet, and its acknowledgement of a change is an echo too. */
export const QUIET_VERSION = 2
