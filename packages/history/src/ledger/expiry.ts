import type { Done, Timeouts, Visit } from './visit.ts'

/** Expiry is exact to a second, and a touch may be delayed by a hundredth of the idle timeout. */
const SLACK_MS = 1_000
const SLACK_SHARE = 0.01
/** A session that was unused for less than this share of its idle timeout was lost, not expired early. */
const QUIET_SHARE = 0.2

export function slackMs({ idleMs }: Pick<Timeouts, 'idleMs'>): number {
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

/** Whether the session in which the user counted without a login may have expired correctly before that time, with the count. */
export function visitorMayHaveExpired({ login, counts }: Visit, atMs: number, { visitorIdleMs }: Timeouts): boolean {
  if (login !== undefined || counts.length === 0) return false
  const usedAtMs = Math.max(...counts.map(({ count, sentAtMs }) => (count === undefined ? -Infinity : sentAtMs)))
  return atMs + slackMs({ idleMs: visitorIdleMs }) >= usedAtMs + visitorIdleMs
}

/** Whether a missing session was unused for long enough to be an early expiry rather than a loss. */
export function cameEarly(visit: Visit, { sent }: Done, { idleMs }: Timeouts): boolean {
  return sent.sentAtMs - visit.askedAtMs >= idleMs * QUIET_SHARE
}
