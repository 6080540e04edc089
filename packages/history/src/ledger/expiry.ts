import type { Done, Timeouts, Visit } from './visit.ts'

/** Expiry is exact to a second, and a touch may be delayed by a hundredth of the idle timeout. */
const SLACK_MS = 1_000
const SLACK_SHARE = 0.01
/** A session that was unused for less than this share of its idle timeout was lost, not expired early. */
const QUIET_SHARE = 0.2

export function slackMs({ idleMs }: Timeouts): number {
  return SLACK_MS + (Number.isFinite(idleMs) ? idleMs * SLACK_SHARE : 0)
}

/** Whether the session may have expired correctly before the operation was answered. */
export function mayHaveExpired(visit: Visit, { ended }: Done, timeouts: Timeouts): boolean {
  const { login, lastUse } = visit
  if (login === undefined) return false
  const endedAtMs = ended.endedAtMs + slackMs(timeouts)
  const idleSinceMs = (lastUse ?? login).sentAtMs
  return endedAtMs >= idleSinceMs + timeouts.idleMs || endedAtMs >= login.sentAtMs + timeouts.absoluteMs
}

/** Whether a missing session was unused for long enough to be an early expiry rather than a loss. */
export function cameEarly(visit: Visit, { sent }: Done, { idleMs }: Timeouts): boolean {
  return sent.sentAtMs - visit.askedAtMs >= idleMs * QUIET_SHARE
}
