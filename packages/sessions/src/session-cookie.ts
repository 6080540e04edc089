/**
 * The session's cookie in a request and in its answer. What the answer carries is decided once, after the commit: see
 * `settleCookie`. A handler that sends its headers earlier gets what is known by then.
 */
import type Koa from 'koa'
import { cookieSealer, type CookieSealer, type Unsealed } from './cookie.ts'
import type { Engine } from './engine.ts'
import { SessionError, SessionTooEarlyError } from './errors.ts'
import { fingerprints } from './fingerprint.ts'
import type { SessionId } from './id.ts'
import { oneAtATime } from './one-at-a-time.ts'
import type { Rule } from './options.ts'
import {
  allowCookie,
  EARLY,
  known,
  NOTHING_YET,
  type RequestState,
  STATE,
  type StatefulContext,
  stateOf,
} from './request-state.ts'
import { fieldsOf } from './session-fields.ts'

export interface SessionCookie {
  /** Begins the request's state with the id that it came with; what koa-session is told is only whether there is one. */
  readonly present: (ctx: StatefulContext) => string
  /** Gives the client the session's id as soon as it is known, for a handler that sends its headers before it returns. */
  readonly send: (ctx: StatefulContext) => void
  /** Middleware around everything that may change the session: settles what the answer's cookie is. */
  readonly settle: Koa.Middleware
}

interface SessionCookieOptions {
  readonly name: string
  readonly keys: readonly string[]
  readonly options: Parameters<Koa.Context['cookies']['set']>[2] & { readonly secure: boolean }
  readonly engine: Engine
}

/** A token of RFC 6265. The prefix is not the application's to choose: it says what is true of the cookie. */
export const cookieNameRule: Rule = {
  takes: "a cookie's name without a prefix",
  accepts: (name) => typeof name === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(name) && !/^__(host|secure)-/i.test(name),
  hint: (name) => (String(name).startsWith('__') ? "'__Host-' is added where secure is true." : undefined),
}

/** koa-session passes its keys to events and debug output; the real id stays with the request's state. */
const KEY_PRESENTED = 'presented'
const NO_KEY = ''
const LONG_AGO = new Date(0)
/** How many cookies of the session's name are looked at in one request. */
const COOKIES_MAX = 64
/** Of those that were sealed by us each may cost a read. */
const SEALED_MAX = 4

export function sessionCookie({ name, keys, options, engine }: SessionCookieOptions): SessionCookie {
  const sealer = cookieSealer(keys)
  const fingerprint = fingerprints(keys)
  const sealedIn = sealedCookies(name, sealer)

  const send = (ctx: StatefulContext): void => {
    const state = stateOf(ctx)
    if (state.session === undefined || !isNews(state)) return
    allowCookie(ctx)
    ctx.cookies.set(name, sealer.seal(state.session.id), options)
  }

  /**
   * The answer's cookie says what became of the session. koa-session clears the cookie whenever it regenerates; where the
   * write after that failed, the client keeps the cookie that it has. And an id that this request was given earlier may
   * have been replaced meanwhile by another request, whose answer is already at the client: an older id never follows it.
   */
  const settleCookie = async (ctx: StatefulContext): Promise<void> => {
    const state = known(ctx)
    if (state === undefined || ctx.headerSent) return
    const { session } = state
    const isToBeSent = session !== undefined && isNews(state) && (state.hasJustWritten || (await isNewest(state)))
    removeCookie(ctx, name)
    if (!state.loggedOut && !isToBeSent) return
    allowCookie(ctx)
    if (state.loggedOut) ctx.cookies.set(name, '', { ...options, expires: LONG_AGO })
    else if (session !== undefined) ctx.cookies.set(name, sealer.seal(session.id), options)
  }

  /** Koa strips the headers of a failed request, and what the request committed before it failed needs its cookie. */
  const settle: Koa.Middleware = async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      await settleCookie(ctx)
      const cookies = ctx.res.getHeader('Set-Cookie')
      if (cookies !== undefined && error instanceof Error) {
        const headers = 'headers' in error ? (error.headers as object) : {}
        Object.assign(error, { headers: { ...headers, 'Set-Cookie': cookies } })
      }
      throw error
    }
    await settleCookie(ctx)
  }

  const present = (ctx: StatefulContext): string => {
    if (ctx[EARLY] !== undefined && Object.keys(fieldsOf(ctx[EARLY])).length > 0) throw new SessionTooEarlyError()
    const [presented, ...alsoPresented] = sealedIn(ctx.headers.cookie)
    ctx[STATE] = {
      ...NOTHING_YET,
      engine,
      secure: options.secure,
      device: ctx.headers['user-agent'] ?? '',
      presented,
      alsoPresented,
      inTurn: oneAtATime(),
      fingerprint,
      sendCookie: () => send(ctx),
    }
    return presented === undefined ? NO_KEY : KEY_PRESENTED
  }

  return { present, send, settle }
}

/**
 * The cookies of this name that were sealed by us, in their order. A sibling domain can plant others, which browsers send beside ours and
 * often before it. A name is a token, in which nothing needs quoting but these.
 */
function sealedCookies(name: string, sealer: CookieSealer): (header: string | undefined) => Unsealed[] {
  const pattern = new RegExp(`(?:^|;) *${name.replaceAll(/[$*+.^|]/g, '\\$&')}=([^;]*)`, 'g')
  return (header = '') => {
    const found: Unsealed[] = []
    pattern.lastIndex = 0
    for (let looked = 0; looked < COOKIES_MAX && found.length < SEALED_MAX; looked += 1) {
      const match = pattern.exec(header)
      if (match === null) break
      const unsealed = sealer.unseal(match[1]?.trimEnd())
      if (unsealed !== undefined) found.push(unsealed)
    }
    return found
  }
}

function isSame(one: SessionId, other: SessionId): boolean {
  return one.secret === other.secret && one.handle === other.handle && one.user === other.user
}

/** Whether the client has to be told of the session's id: it is another one, or sealed with a key that was replaced. */
function isNews({ session, presented, outage }: RequestState): boolean {
  if (outage !== undefined || session?.info === undefined) return false
  return presented === undefined || presented.outdated || !isSame(presented.id, session.id)
}

/** Asked where this request wrote nothing at its end. Only a session that the client came with may be changed by others. */
async function isNewest({ session, presented }: RequestState): Promise<boolean> {
  if (session === undefined || presented?.id.handle !== session.id.handle) return true
  try {
    return await session.isIdNewest()
  } catch (error) {
    if (!(error instanceof SessionError)) throw error
    // The client needs an id that this request made. The one that it has already will be sealed anew next time.
    return presented.id.secret !== session.id.secret
  }
}

function removeCookie(ctx: StatefulContext, name: string): void {
  const cookies = ctx.res.getHeader('Set-Cookie')
  if (!Array.isArray(cookies)) return
  const others = cookies.filter((cookie) => !cookie.startsWith(`${name}=`))
  if (others.length === 0) ctx.res.removeHeader('Set-Cookie')
  else ctx.res.setHeader('Set-Cookie', others)
}
