import type { Done, Timeouts, Visit } from './visit.ts'

/** Expiry is promised to the second, and moving it may be put off by a hundredth of the idle time. */
const SLACK_MS = 1_000
const SLACK_SHARE = 0.01
/** A session that was left alone for less than this share of its idle time has not expired early: it was lost. */
const QUIET_SHARE = 0.2

export function slackMs({ idleMs }: Timeouts): number {
  return SLACK_MS + (Number.isFinite(idleMs) ? idleMs * SLACK_SHARE : 0)
}

/** Whether the session may rightly have ended before the operation was answered. */
export function mayHaveExpired(visit: Visit, { ended }: Done, timeouts: Timeouts): boolean {
  const { login, lastUse } = visit
  if (login === undefined) return false
  const endedAtMs = ended.endedAtMs + slackMs(timeouts)
  const idleSinceMs = (lastUse ?? login).sentAtMs
  return endedAtMs >= idleSinceMs + timeouts.idleMs || endedAtMs >= login.sentAtMs + timeouts.absoluteMs
}

/** Whether a session that is gone was left alone long enough for its idle time to have been taken for over. */
export function cameEarly(visit: Visit, { sent }: Done, { idleMs }: Timeouts): boolean {
  return sent.sentAtMs - visit.askedAtMs >= idleMs * QUIET_SHARE
}
