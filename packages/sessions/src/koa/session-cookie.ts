/**
 * The session's cookie in a request and in its answer. What the answer carries is decided once, after the commit: see
 * `settle`. A handler that sends its headers earlier gets what is known by then.
 */
import type { IncomingMessage } from 'node:http'
import { requestAdoption } from './adoption.ts'
import type { Carrier } from '../carrier.ts'
import { isIdNeeded, isNews, lastingCookies } from '../cookie/cookie-news.ts'
import { type CookieAttributes, cookieForm, LONG_AGO } from '../cookie/cookie-options.ts'
import { sealedCookies, valuesOf } from '../cookie/request-cookies.ts'
import { cookieSealer } from '../secrets/cookie.ts'
import type { Engine } from '../engine/engine.ts'
import { SessionTooEarlyError } from '../errors.ts'
import { fingerprints } from '../idempotency/fingerprint.ts'
import { type SessionId, sessionKey, sessionRef } from '../secrets/id.ts'
import type { CheckedOptions } from './koa-options.ts'
import { allowCookie, EARLY, known, newState, STATE, type StatefulContext, stateOf } from './request-state.ts'
import type { OpenSession } from '../engine/session.ts'
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
/** With a carrier, a session travels in its cookie; without, the cookie has the session's id. */
export function sessionCookie(engine: Engine, options: CheckedOptions, carrier?: Carrier): SessionCookie {
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
