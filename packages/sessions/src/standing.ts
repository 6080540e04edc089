/** What a secret is to a session, and what becomes of the old one when it is rotated. Pure: the time is an argument. */
import { sameDigest } from './id.ts'
import type { Body, RetiredSecret } from './record.ts'

/** More rotations than this within one grace, and the oldest id stops working early. */
const RETIRED_MAX = 4

/**
 * `retired` is every secret that is neither current nor in its grace: the cookie's signature says that the id was ours
 * once, so no list of all former secrets is needed to recognise one.
 */
export function standing(body: Body, digest: string, nowMs: number): 'current' | 'grace' | 'retired' {
  if (sameDigest(body.secretDigest, digest)) return 'current'
  const graced = body.retired.some((secret) => sameDigest(secret.digest, digest) && secret.graceUntilMs > nowMs)
  return graced ? 'grace' : 'retired'
}

/** The secrets that still work beside a new one: the one it replaces, and those whose grace has not ended. */
export function retire(body: Body, nowMs: number, graceMs: number): readonly RetiredSecret[] {
  const current = { digest: body.secretDigest, graceUntilMs: nowMs + graceMs }
  return [current, ...stillGraced(body, nowMs)].slice(0, RETIRED_MAX)
}

export function stillGraced(body: Body, nowMs: number): readonly RetiredSecret[] {
  return body.retired.filter((secret) => secret.graceUntilMs > nowMs)
}
