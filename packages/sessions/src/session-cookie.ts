/** The cookie of a request: what it says of the session, and what the answer says of it. */
import type Koa from 'koa'
import { cookieSealer } from './cookie.ts'
import type { Engine } from './engine.ts'
import type { SessionId } from './id.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { allowCookie, known, sessionOf, STATE, type StatefulContext, stateOf } from './request-state.ts'

export interface SessionCookie {
  /** Begins the request's state with the id that it came with; what koa-session is told is only whether there is one. */
  readonly present: (ctx: StatefulContext) => string
  /** Gives the client the session's id, if it is another than it sent. */
  readonly send: (ctx: StatefulContext) => void
}

interface SessionCookieOptions {
  readonly name: string
  readonly keys: readonly string[]
  readonly options: Parameters<Koa.Context['cookies']['set']>[2] & { readonly secure: boolean }
  readonly engine: Engine
}

/** koa-session passes its keys to events and debug output; the real id stays with the request's state. */
const KEY_PRESENTED = 'presented'
const NO_KEY = ''

export function sessionCookie({ name, keys, options, engine }: SessionCookieOptions): SessionCookie {
  const sealer = cookieSealer(keys)
  const valueIn = cookieReader(name)

  const send = (ctx: StatefulContext): void => {
    const state = stateOf(ctx)
    if (state.outage !== undefined || sessionOf(state).info === undefined) return
    const { id } = sessionOf(state)
    const { presented } = state
    if (presented !== undefined && !presented.outdated && isSame(presented.id, id)) return
    allowCookie(ctx)
    ctx.cookies.set(name, sealer.seal(id), options)
  }

  const present = (ctx: StatefulContext): string => {
    const presented = sealer.unseal(valueIn(ctx.headers.cookie))
    ctx[STATE] = {
      engine,
      secure: options.secure,
      device: ctx.headers['user-agent'] ?? '',
      presented,
      session: undefined,
      discarded: undefined,
      untouched: false,
      cleared: false,
      answerable: false,
      loggedOut: false,
      inTurn: oneAtATime(),
      sendCookie: () => send(ctx),
      outage: undefined,
    }
    return presented === undefined ? NO_KEY : KEY_PRESENTED
  }

  return { present, send }
}

/** Finds the value of the first cookie with this name. A name is a token, in which nothing needs quoting but these. */
function cookieReader(name: string): (header: string | undefined) => string | undefined {
  const pattern = new RegExp(`(?:^|;) *${name.replaceAll(/[$*+.^|]/g, '\\$&')}=([^;]*)`)
  return (header) => (header === undefined ? undefined : pattern.exec(header)?.[1])
}

function isSame(one: SessionId, other: SessionId): boolean {
  return one.secret === other.secret && one.handle === other.handle && one.user === other.user
}

/**
 * The cookie says what became of the session. koa-session clears it whenever it regenerates, and means to set it again;
 * where that failed the client must not be left without. And a failed request keeps the cookie of what it has committed.
 */
export function honestCookie(name: string): Koa.Middleware {
  return async (ctx: StatefulContext, next) => {
    try {
      await next()
      takeBackClearing(ctx, name)
    } catch (error) {
      takeBackClearing(ctx, name)
      const cookies = ctx.res.getHeader('Set-Cookie')
      if (cookies !== undefined && error instanceof Error) {
        const headers = 'headers' in error ? (error.headers as object) : {}
        Object.assign(error, { headers: { ...headers, 'Set-Cookie': cookies } })
      }
      throw error
    }
  }
}

function takeBackClearing(ctx: StatefulContext, name: string): void {
  const cookies = ctx.res.getHeader('Set-Cookie')
  if (!Array.isArray(cookies) || known(ctx)?.loggedOut === true || ctx.headerSent) return
  const others = cookies.filter((cookie) => !cookie.startsWith(`${name}=;`))
  if (others.length === cookies.length) return
  if (others.length === 0) ctx.res.removeHeader('Set-Cookie')
  else ctx.res.setHeader('Set-Cookie', others)
}
