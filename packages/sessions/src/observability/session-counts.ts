/**
 * What an engine counts while it runs: plain numbers, because these grow too fast to be told one by one. They are asked for, as when
 * metrics are scraped.
 */

/**
 * Why a session ended before its time: `logout` by a request of its own; `revoked` from the list of its user's sessions; `too-many`,
 * the oldest of a user with more than `sessionsPerUserMax`; `theft`, an id came back that had been rotated away.
 */
export type SessionEnd = 'logout' | 'revoked' | 'too-many' | 'theft'

/**
 * Since this process made the session layer. A session that expires is not among the ended: it is gone from the store by itself, and no
 * process sees it go.
 */
export interface SessionsReport {
  /** Sessions that were stored for the first time. */
  readonly created: number
  readonly ended: Readonly<Record<SessionEnd, number>>
  /** Writes that the store refused, because another request had changed the session since it was read. */
  readonly conflicts: number
  /** Commits that were written on top of another request's, and merged with it. */
  readonly merges: number
  /** Sessions that were read and not changed, and whose expiry was moved. */
  readonly touches: number
  /** Ids that came back after they were rotated away. */
  readonly thefts: number
}

type Counts = { -readonly [Name in keyof SessionsReport]: SessionsReport[Name] }

export interface SessionCounts extends Counts {
  readonly ended: Record<SessionEnd, number>
}

export function sessionCounts(): SessionCounts {
  return {
    created: 0,
    ended: { logout: 0, revoked: 0, 'too-many': 0, theft: 0 },
    conflicts: 0,
    merges: 0,
    touches: 0,
    thefts: 0,
  }
}

export function reported(counts: SessionCounts): SessionsReport {
  return { ...counts, ended: { ...counts.ended } }
}
