/**
 * The session's cookie in a request and in its answer. What the answer carries is decided once, after the commit: see
 * `settle`. A handler that sends its headers earlier gets what is known by then.
 */
import type { IncomingMessage } from 'node:http'
import { requestAdoption } from './adoption.ts'
import { type Carrier, COOKIE_BYTES_MAX } from '../carrier.ts'
import { cookieSealer, type CookieSealer, type Unsealed } from '../secrets/cookie.ts'
import type { Engine } from '../engine/engine.ts'
import { SessionError, SessionTooEarlyError } from '../errors.ts'
import { fingerprints } from '../idempotency/fingerprint.ts'
import { type SessionId, sessionKey, sessionRef } from '../secrets/id.ts'
import type { SessionsOptions } from './koa-options.ts'
import type { MaxAge } from './session-type.ts'
import { UNTIL_BROWSER_CLOSES } from '../record/record.ts'
import {
  allowCookie,
  EARLY,
  known,
  newState,
  type RequestState,
  STATE,
  type StatefulContext,
  stateOf,
} from './request-state.ts'
import type { OpenSession, SessionInfo } from '../engine/session.ts'
import { isHeard } from './koa-session-events.ts'
import { fieldsOf } from './koa-session-fields.ts'

export interface SessionCookie {
  readonly name: string
  readonly attributes: CookieAttributes
  /** Begins the request's state with the id that it came with; what koa-session is told is only whether there is one. */
  readonly present: (ctx: StatefulContext) => string
  /** Gives the client the session's id as soon as it is known, for a handler that sends its headers before it returns. */
  readonly send: (ctx: StatefulContext) => Promise<void>
  /** Settles what the answer's cookie is, once the session is committed. */
  readonly settle: (ctx: StatefulContext) => Promise<void>
  /** The ids that a request came with, where the cookie has one. */
  readonly idsOf: (request: IncomingMessage) => SessionId[]
}

/** koa-session passes its keys to events and debug output; the real id stays with the request's state. */
const KEY_PRESENTED = 'presented'
const NO_KEY = ''
const LONG_AGO = new Date(0)
/** How many cookies of the session's name are looked at in one request. */
const COOKIES_MAX = 64
/** Of those that were sealed by us each may cost a read. */
const SEALED_MAX = 4

interface CookieAttributes {
  httpOnly: true
  overwrite: true
  path: '/'
  sameSite: 'lax' | 'strict' | 'none'
  secure: boolean
  signed: false
  domain?: string
}

type CookieOptions = Pick<SessionsOptions, 'secure' | 'cookieName' | 'domain' | 'sameSite'>

function cookieForm({ secure, cookieName = 'sid', domain, sameSite = 'lax' }: CookieOptions) {
  const name = secure ? `${domain === undefined ? '__Host-' : '__Secure-'}${cookieName}` : cookieName
  const attributes: CookieAttributes = {
    httpOnly: true,
    overwrite: true,
    path: '/',
    sameSite,
    secure,
    signed: false,
    ...(domain !== undefined && { domain }),
  }
  return { name, attributes }
}

/** What is left for the value of a cookie that is to fit a browser with its name and all its attributes. */
export function cookieLimits(options: CookieOptions): { readonly cookieName: string; readonly valueBytesMax: number } {
  const { name, attributes } = cookieForm(options)
  const { path, sameSite, secure, domain } = attributes
  const named = { path, expires: LONG_AGO.toUTCString(), ...(domain !== undefined && { domain }), sameSite }
  const longest = Object.entries(named).map(([attribute, value]) => `; ${attribute}=${value}`)
  const text = `${name}=${longest.join('')}; httponly${secure ? '; secure' : ''}`
  return { cookieName: name, valueBytesMax: COOKIE_BYTES_MAX - text.length }
}

/** With a carrier, a session travels in its cookie; without, the cookie has the session's id. */
export function sessionCookie(engine: Engine, options: SessionsOptions, carrier?: Carrier): SessionCookie {
  const { keys, secure } = options
  const { name, attributes } = cookieForm(options)
  const cookieValues = valuesOf(name)
  const sealer = cookieSealer(keys as readonly string[])
  const fingerprint = fingerprints(keys as readonly string[])
  const isKept = lastingCookies(options.maxAge)

  const set = async (ctx: StatefulContext, { id, info }: OpenSession): Promise<void> => {
    const { carried } = stateOf(ctx)
    const value = carried === undefined ? sealer.seal(id) : await carried.seal(id)
    if (value === undefined || ctx.headerSent) return
    allowCookie(ctx)
    const expires = info !== undefined && isKept(info) ? { expires: new Date(info.expiresAtMs) } : {}
    ctx.cookies.set(name, value, { ...attributes, ...expires })
  }

  const send = async (ctx: StatefulContext): Promise<void> => {
    const state = stateOf(ctx)
    if (state.session !== undefined && isNews(state, isKept)) await set(ctx, state.session)
  }

  /**
   * The answer's cookie says what became of the session. koa-session clears the cookie whenever it regenerates; where the
   * write after that failed, the client keeps the cookie that it has. And an id that this request was given earlier may
   * have been replaced meanwhile by another request, whose answer may be at the client already: an older id follows it only
   * where the client would have none without it.
   */
  const settle = async (ctx: StatefulContext): Promise<void> => {
    const state = known(ctx)
    if (state === undefined || ctx.headerSent) return
    if (state.isOldCookieOver) takeBack(ctx, state.adoption?.cookieNames ?? [])
    const { session } = state
    const isToBeSent = isNews(state, isKept) && (state.hasJustWritten || (await isIdNeeded(state)))
    removeCookie(ctx, name)
    if (state.use === 'ended') {
      allowCookie(ctx)
      ctx.cookies.set(name, '', { ...attributes, expires: LONG_AGO })
    } else if (session !== undefined && isToBeSent) await set(ctx, session)
  }

  const present = (ctx: StatefulContext): string => {
    if (ctx[EARLY] !== undefined && Object.keys(fieldsOf(ctx[EARLY])).length > 0) throw new SessionTooEarlyError()
    const values = cookieValues(ctx.headers.cookie)
    const carried = carrier?.receive(values)
    const adoption = options.adopt && requestAdoption(engine, options.adopt, ctx.headers.cookie ?? '')
    const ours = carried?.presented ?? sealedCookies(sealer, values)
    const [presented, ...alsoPresented] = ours.length === 0 && adoption !== undefined ? adoption.presented() : ours
    const device = ctx.headers['user-agent'] ?? ''
    ctx[STATE] = newState({
      engine: carried === undefined ? engine : engine.over({ store: carried.store }),
      carried,
      fingerprint,
      secure,
      device,
      addressOf: () => ctx.ip,
      presented,
      alsoPresented,
      adoption,
      sendCookie: () => send(ctx),
    })
    if (presented === undefined) return NO_KEY
    return isHeard(ctx) ? sessionRef(sessionKey(presented.id.handle)) : KEY_PRESENTED
  }

  const idsOf = ({ headers }: IncomingMessage): SessionId[] =>
    sealedCookies(sealer, cookieValues(headers.cookie)).map(({ id }) => id)

  return { name, attributes, present, send, settle, idsOf }
}

/**
 * The values of the cookies of this name, in their order. A sibling domain can plant others, which browsers send beside ours and
 * often before it. A name is a token, in which nothing needs quoting but these.
 */
function valuesOf(name: string): (header: string | undefined) => string[] {
  const pattern = new RegExp(`(?:^|;) *${name.replaceAll(/[$*+.^|]/g, '\\$&')}=([^;]*)`, 'g')
  return (header = '') => {
    const found: string[] = []
    pattern.lastIndex = 0
    while (found.length < COOKIES_MAX) {
      const match = pattern.exec(header)
      if (match === null) break
      found.push((match[1] as string).trimEnd())
    }
    return found
  }
}

/** Those that were sealed by us. */
function sealedCookies(sealer: CookieSealer, values: readonly string[]): Unsealed[] {
  const found: Unsealed[] = []
  for (const value of values) {
    if (found.length === SEALED_MAX) break
    const unsealed = sealer.unseal(value)
    if (unsealed !== undefined) found.push(unsealed)
  }
  return found
}

function isSame(one: SessionId, other: SessionId): boolean {
  return one.secret === other.secret && one.handle === other.handle && one.user === other.user
}

/** Whether a session's cookie is kept by the browser for as long as the session may be unused. */
function lastingCookies(maxAge: MaxAge = 'session'): (info: SessionInfo) => boolean {
  return ({ maxAgeMs }) => (maxAgeMs === undefined ? maxAge !== 'session' : maxAgeMs !== UNTIL_BROWSER_CLOSES)
}

/**
 * Whether the client has to be told of the session: its id is another one, or sealed with a key that was replaced, or the
 * browser is to keep it for another time. A session that travels in its cookie is news with every change.
 */
function isNews(
  { session, presented, opened, outage, carried }: RequestState,
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
async function isIdNeeded({ session, presented, carried }: RequestState): Promise<boolean> {
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

/** Of the old software: where it had set another path or a domain, the browser keeps the cookie, which opens nothing. */
function takeBack(ctx: StatefulContext, names: readonly string[]): void {
  for (const name of names) ctx.cookies.set(name, '', { path: '/', signed: false, overwrite: true, expires: LONG_AGO })
}

function removeCookie(ctx: StatefulContext, name: string): void {
  const cookies = ctx.res.getHeader('Set-Cookie')
  if (!Array.isArray(cookies)) return
  const others = cookies.filter((cookie) => !cookie.startsWith(`${name}=`))
  if (others.length === 0) ctx.res.removeHeader('Set-Cookie')
  else ctx.res.setHeader('Set-Cookie', others)
}
