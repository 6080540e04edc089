/**
 * When a session ends, and when it was last used. Each use moves the expiry (a touch), at most once per share of the idle
 * time, so that reading does not become writing. The expiry then tells the last use too, until the absolute timeout keeps it
 * from moving: from then on a use is noted in the record, as seldom as touches are made. Pure: the time is an argument.
 */
import { type Body, UNTIL_BROWSER_CLOSES } from './record.ts'

export interface Timeouts {
  readonly idleTimeoutMs: number
  readonly absoluteTimeoutMs: number
}

/** What an application sets for all sessions. */
export interface DefaultTimeouts extends Timeouts {
  /** Of a session without a user. */
  readonly visitorIdleTimeoutMs: number
}

/** A stored session, as far as this asks. */
interface Stored {
  readonly expiresAtMs: number
  readonly body: Body
}

/** Of the idle time; the expiry may lag by so much. */
const TOUCH_SHARE = 0.01

/** Of this session: it may have an idle time of its own, and a visitor's ends sooner. */
export function timeoutsOf({ maxAgeMs, user }: Pick<Body, 'maxAgeMs' | 'user'>, defaults: DefaultTimeouts): Timeouts {
  const { visitorIdleTimeoutMs, absoluteTimeoutMs } = defaults
  if (maxAgeMs !== undefined && maxAgeMs !== UNTIL_BROWSER_CLOSES) return { idleTimeoutMs: maxAgeMs, absoluteTimeoutMs }
  return user === undefined ? { idleTimeoutMs: visitorIdleTimeoutMs, absoluteTimeoutMs } : defaults
}

/** A whole number: durations may have fractions, and a cookie keeps an instant by its digits. */
export function expiry(createdAtMs: number, { idleTimeoutMs, absoluteTimeoutMs }: Timeouts, nowMs: number): number {
  return Math.ceil(Math.min(nowMs + idleTimeoutMs, createdAtMs + absoluteTimeoutMs))
}

export function isTouchDue(stored: Stored, defaults: DefaultTimeouts, nowMs: number): boolean {
  const timeouts = timeoutsOf(stored.body, defaults)
  const lagMs = expiry(stored.body.createdAtMs, timeouts, nowMs) - stored.expiresAtMs
  return lagMs >= timeouts.idleTimeoutMs * TOUCH_SHARE
}

/** To within the share of the idle time that a touch may lag by. */
export function lastUseAtMs({ expiresAtMs, body }: Stored, defaults: DefaultTimeouts): number {
  return Math.max(expiresAtMs - timeoutsOf(body, defaults).idleTimeoutMs, body.usedAtMs ?? 0)
}

/** What a write notes of this use; undefined where the expiry tells it. */
export function noteOfUse(createdAtMs: number, timeouts: Timeouts, nowMs: number): number | undefined {
  const { idleTimeoutMs, absoluteTimeoutMs } = timeouts
  return nowMs + idleTimeoutMs >= createdAtMs + absoluteTimeoutMs ? nowMs : undefined
}

/** Whether this use is to be noted by a write of its own. Only the lists of users show it. */
export function isNoteDue(stored: Stored, defaults: DefaultTimeouts, nowMs: number): boolean {
  const timeouts = timeoutsOf(stored.body, defaults)
  const { user, createdAtMs } = stored.body
  if (user === undefined || noteOfUse(createdAtMs, timeouts, nowMs) === undefined) return false
  return nowMs - lastUseAtMs(stored, defaults) >= timeouts.idleTimeoutMs * TOUCH_SHARE
}
