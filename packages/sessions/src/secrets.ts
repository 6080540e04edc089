/**
 * What a secret is to a session, and what becomes of it when it is rotated. Pure: the time is an argument.
 *
 * A rotated-away secret stays an *alias* until the new one has been used and a short grace has passed after that. Counting
 * from the first use, not from the rotation, is what makes a lost answer harmless: a client that never got its new cookie
 * goes on with the old one.
 *
 * When the rotation came with another user, which is what a login is, the old secret is *superseded* instead: it sees
 * nothing of the session, because whoever planted it in the victim's browser would otherwise be logged in as the victim
 * for the length of the grace. It is recognised only so that requests under way are not taken for theft.
 */
import { sameDigest } from './id.ts'
import type { Body, RetiredSecret } from './record.ts'

/** More rotations than this within one grace, and the oldest secret stops working early. */
const RETIRED_MAX = 8

/**
 * `retired` is every secret that the session does not know any more. The cookie's signature says that the id was ours
 * once, so no list of all former secrets is needed to recognise one.
 */
export type Standing = 'current' | 'alias' | 'superseded' | 'retired'

export function standing(body: Body, digest: string, nowMs: number): Standing {
  if (sameDigest(body.secretDigest, digest)) return 'current'
  const secret = body.retired.find((each) => sameDigest(each.digest, digest))
  if (secret === undefined || isOver(secret, nowMs)) return 'retired'
  return secret.superseded ? 'superseded' : 'alias'
}

/**
 * The old secrets that a session still knows. `confirmed` says that its current one has come back from the client: now the
 * old ones' grace runs.
 */
export function stillKnown(body: Body, confirmed: boolean, nowMs: number, graceMs: number): readonly RetiredSecret[] {
  const known = body.retired.filter((secret) => !isOver(secret, nowMs))
  return confirmed
    ? known.map((secret) => ({ ...secret, graceUntilMs: secret.graceUntilMs ?? nowMs + graceMs }))
    : known
}

/** The same with the current secret among them, because another one takes its place. */
export function retire(
  digest: string,
  known: readonly RetiredSecret[],
  userChanged: boolean,
): readonly RetiredSecret[] {
  const current: RetiredSecret = { digest, superseded: userChanged, graceUntilMs: undefined }
  const others = userChanged ? known.map((secret) => ({ ...secret, superseded: true })) : known
  return [current, ...others].slice(0, RETIRED_MAX)
}

export function isUnconfirmed(body: Body): boolean {
  return body.retired.some(({ graceUntilMs }) => graceUntilMs === undefined)
}

function isOver({ graceUntilMs }: RetiredSecret, nowMs: number): boolean {
  return graceUntilMs !== undefined && graceUntilMs <= nowMs
}
