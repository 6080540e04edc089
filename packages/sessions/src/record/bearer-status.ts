/**
 * What the bearer of a secret is to a session, and what becomes of a secret when it is rotated. Pure: the time is an argument.
 *
 * A rotated-away secret stays an *alias* until the new one has been used and a short grace has passed after that. Counting
 * from the first use, not from the rotation, is what makes a lost answer harmless: a client that never got its new cookie
 * goes on with the old one.
 *
 * When the rotation came with another user, which is what a login is, the old secret is *superseded* instead: it sees
 * nothing of the session, because an attacker who planted it in the victim's browser would otherwise be logged in as the
 * victim for the length of the grace. So is an alias whose grace has passed. Requests that were sent before the rotation may
 * still arrive with such a secret, for as long as a request may take; only an alias that comes later than that is *stolen*.
 */
import { sameDigest } from '../secrets/id.ts'
import type { Body, RetiredSecret } from './record.ts'

/** More rotations than this, and the oldest secret is forgotten. A forgotten secret opens nothing, and is not reported as theft. */
const RETIRED_MAX = 8

export type BearerStatus = 'current' | 'alias' | 'superseded' | 'stolen' | 'unknown'

export function bearerStatus(body: Body, digest: string, nowMs: number, requestTimeMaxMs: number): BearerStatus {
  if (sameDigest(body.secretDigest, digest)) return 'current'
  const secret = body.retired.find((each) => sameDigest(each.digest, digest))
  if (secret === undefined) return 'unknown'
  const { superseded, retiredAtMs, graceUntilMs } = secret
  if (superseded) return nowMs < retiredAtMs + requestTimeMaxMs ? 'superseded' : 'unknown'
  if (graceUntilMs === undefined || nowMs < graceUntilMs) return 'alias'
  return nowMs < graceUntilMs + requestTimeMaxMs ? 'superseded' : 'stolen'
}

/**
 * The old secrets that a session still knows. `confirmed` says that its current one has come back from the client: now the
 * aliases' grace runs.
 */
export function stillKnown(
  body: Body,
  confirmed: boolean,
  nowMs: number,
  times: SecretTimes,
): readonly RetiredSecret[] {
  const known = body.retired.filter((each) => !each.superseded || nowMs < each.retiredAtMs + times.requestTimeMaxMs)
  const graceUntilMs = nowMs + times.rotationGraceMs
  return confirmed ? known.map((each) => withGrace(each, graceUntilMs)) : known
}

export interface SecretTimes {
  readonly rotationGraceMs: number
  readonly requestTimeMaxMs: number
}

/** The same with the current secret among them, because another one takes its place. */
export function retire(
  digest: string,
  known: readonly RetiredSecret[],
  userChanged: boolean,
  nowMs: number,
): readonly RetiredSecret[] {
  const current: RetiredSecret = { digest, superseded: userChanged, retiredAtMs: nowMs, graceUntilMs: undefined }
  const others = userChanged ? known.map((each) => ({ ...each, superseded: true, retiredAtMs: nowMs })) : known
  return [current, ...others].slice(0, RETIRED_MAX)
}

/** Some alias's grace waits for the current secret to be used. */
export function isUnconfirmed(body: Body): boolean {
  return body.retired.some(({ superseded, graceUntilMs }) => !superseded && graceUntilMs === undefined)
}

/** That secret was rotated away, and works until the one that replaced it has been used. */
export function isUnreplaced({ retired }: Body, digest: string): boolean {
  const secret = retired.find((each) => sameDigest(each.digest, digest))
  return secret !== undefined && !secret.superseded && secret.graceUntilMs === undefined
}

function withGrace(secret: RetiredSecret, graceUntilMs: number): RetiredSecret {
  return secret.graceUntilMs === undefined ? { ...secret, graceUntilMs } : secret
}
