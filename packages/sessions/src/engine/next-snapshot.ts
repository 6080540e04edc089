/**
 * Computes a session's next state. Pure: each attempt of a commit computes it again from the stored state. A login or logout always
 * rotates the secret in the same write, whether or not the application asked for it, so an id never changes its user.
 */
import { expiry, noteOfUse, type DefaultTimeouts, timeoutsOf } from '../record/expiry.ts'
import { digestsOf, forgetOld } from '../idempotency/remembered-keys.ts'
import type { Body, Snapshot } from '../record/record.ts'
import type { UserTag } from '../secrets/id.ts'
import { retire, type SecretTimes, stillKnown } from '../record/bearer-status.ts'

export interface Lifetimes extends DefaultTimeouts, SecretTimes {}

export interface SnapshotChange {
  readonly dataText: string
  /** The session's user after the change. */
  readonly user: UserTag | undefined
  readonly epoch: number
  /**
   * The remembered keyed requests. Undefined keeps those within their time; after a change of the user, their digests.
   */
  readonly answersText: string | undefined
  /** The write is there to forget keyed requests that are past their time. */
  readonly forgetsKeys: boolean
  /** The application asks for another secret. */
  readonly rotate: boolean
  /** The idle timeout from now on; `as-it-is` keeps it, undefined resets it to the usual time. */
  readonly maxAgeMs: number | 'as-it-is' | undefined
  /** The current secret has come back from the client. */
  readonly confirmed: boolean
  /** The digest of a new secret, for a rotation or a new session. */
  readonly nextDigest: () => string
}

export interface NextSnapshot extends Snapshot {
  readonly rotated: boolean
}

export function nextSnapshot(
  current: Snapshot | undefined,
  change: SnapshotChange,
  lifetimes: Lifetimes,
  nowMs: number,
): NextSnapshot {
  const { dataText, user, epoch, answersText, nextDigest } = change
  const maxAge = maxAgeAfter(current?.body, change)
  const timeouts = timeoutsOf({ ...maxAge, user }, lifetimes)
  if (current === undefined) {
    const secretDigest = nextDigest()
    const usedAtMs = noteOfUse(nowMs, timeouts, nowMs)
    const secrets = { secretDigest, retired: [] }
    const body = { createdAtMs: nowMs, usedAtMs, ...maxAge, ...secrets, user, epoch, answersText, dataText }
    return { version: 1, expiresAtMs: expiry(nowMs, timeouts, nowMs), rotated: false, body }
  }
  const { secretDigest } = current.body
  const userChanged = current.body.user !== user
  // Its age counts from the login: a visitor who browsed for a day first is not logged out for it.
  const createdAtMs = userChanged ? nowMs : current.body.createdAtMs
  const rotated = change.rotate || userChanged
  const known = stillKnown(current.body, change.confirmed, nowMs, lifetimes)
  return {
    version: current.version + 1,
    expiresAtMs: expiry(createdAtMs, timeouts, nowMs),
    rotated,
    body: {
      createdAtMs,
      usedAtMs: noteOfUse(createdAtMs, timeouts, nowMs),
      ...maxAge,
      secretDigest: rotated ? nextDigest() : secretDigest,
      user,
      epoch,
      retired: rotated ? retire(secretDigest, known, userChanged, nowMs) : known,
      answersText:
        answersText ??
        (userChanged ? digestsOf(current.body.answersText, nowMs) : remainingKeys(current, change, nowMs)),
      dataText,
    },
  }
}

function remainingKeys(
  { version, body }: Snapshot,
  { forgetsKeys }: SnapshotChange,
  nowMs: number,
): string | undefined {
  return forgetsKeys ? forgetOld(body.answersText, nowMs) : forgetOld(body.answersText, nowMs, version)
}

/** A visitor keeps what was chosen, also through the login; the next user of the same browser has chosen nothing. */
function maxAgeAfter(current: Body | undefined, { maxAgeMs, user }: SnapshotChange): Pick<Body, 'maxAgeMs'> {
  const isHandedOn = current?.user !== undefined && current.user !== user
  const kept = isHandedOn ? undefined : current?.maxAgeMs
  const now = maxAgeMs === 'as-it-is' ? kept : maxAgeMs
  return now === undefined ? {} : { maxAgeMs: now }
}
