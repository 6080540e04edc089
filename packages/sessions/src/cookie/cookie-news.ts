/** Whether an answer has to carry the session's cookie. */
import type { CarriedRequest } from '../carrier.ts'
import type { OpenSession, SessionInfo } from '../engine/session.ts'
import { SessionError } from '../errors.ts'
import { UNTIL_BROWSER_CLOSES } from '../record/record.ts'
import type { Unsealed } from '../secrets/cookie.ts'
import type { SessionId } from '../secrets/id.ts'
import type { MaxAge } from '../session-fields.ts'

/** What a request came with, and what became of it. */
export interface CookieState {
  readonly session: OpenSession | undefined
  /** What the client sent. */
  readonly presented: Unsealed | undefined
  /** The session as it was when the request began. */
  readonly opened: SessionInfo | undefined
  /** Where sessions travel in their cookies: this request's. */
  readonly carried?: CarriedRequest | undefined
  /** Why the session is not what is stored now. */
  readonly outage?: SessionError | undefined
}

function isSame(one: SessionId, other: SessionId): boolean {
  return one.secret === other.secret && one.handle === other.handle && one.user === other.user
}

/** Whether a session's cookie is kept by the browser for as long as the session may be unused. */
export function lastingCookies(maxAge: MaxAge = 'session'): (info: SessionInfo) => boolean {
  return ({ maxAgeMs }) => (maxAgeMs === undefined ? maxAge !== 'session' : maxAgeMs !== UNTIL_BROWSER_CLOSES)
}

/**
 * Whether the client has to be told of the session: its id is another one, or sealed with a key that was replaced, or the
 * browser is to keep it for another time. A session that travels in its cookie is news with every change.
 */
export function isNews(
  { session, presented, opened, outage, carried }: CookieState,
  isKept: (info: SessionInfo) => boolean,
): boolean {
  const info = session?.info
  if (outage !== undefined || session === undefined || info === undefined) return false
  if (presented === undefined || presented.outdated || !isSame(presented.id, session.id)) return true
  if (opened === undefined || isKept(opened) !== isKept(info)) return true
  if (carried !== undefined && opened.version !== info.version) return true
  return (carried !== undefined || isKept(info)) && opened.expiresAtMs !== info.expiresAtMs
}

/** Asked where this request wrote nothing at its end. Only a session that the client came with may be changed by others. */
export async function isIdNeeded({ session, presented, carried }: CookieState): Promise<boolean> {
  if (session === undefined || presented?.id.handle !== session.id.handle) return true
  try {
    return await session.isIdNeeded(presented.id)
  } catch (error) {
    if (!(error instanceof SessionError)) throw error
    // The client needs an id that this request made, and what it has changed of a session that travels in its cookie. The
    // id that it has already will be sealed anew next time.
    return carried !== undefined || presented.id.secret !== session.id.secret
  }
}
