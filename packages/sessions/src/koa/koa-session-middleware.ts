/**
 * koa-session as the middleware that opens a session, runs the handler and commits. It gives `ctx.session` its well-known
 * shape and decides when to save; the cookie, the id and what saving means are ours:
 *
 * - `rolling` makes koa-session hand over every session at the end of its request, and the engine compares with what was
 *   read, because koa-session's own comparison is a checksum that misses changes and a flag that `regenerate()` clears.
 * - `regenerate()` arrives as destroy, a new id, set. While `ctx.session` still stands it means a rotation, and becomes
 *   part of the next write; between koa-session's two calls a crash would have left the user without a session.
 * - `ctx.session = null` and then an object is another session under another handle, not the old id with other data.
 */
import type Koa from 'koa'
import type createSession from 'koa-session'
import { requiredPackage } from '../optional-packages.ts'
import type { SessionsOptions } from './koa-options.ts'
import { extendContext } from './koa-session-context.ts'
import { membersGiver, type Update } from './koa-session-members.ts'
import { requestStore, validity } from './koa-session-store.ts'
import type { SessionCookie } from './session-cookie.ts'

/** koa-session passes its keys to events and debug output; the real id stays with the request's state. */
const KEY_TO_COME = 'to come'

export function koaSessionMiddleware(
  app: Koa,
  options: SessionsOptions,
  cookie: SessionCookie,
  update: Update,
): Koa.Middleware {
  const { maxAge = 'session', valid } = options
  const { createSession: create } = requiredPackage('sessions()', 'koa-session') as {
    readonly createSession: typeof createSession
  }
  const middleware = create(
    {
      ...cookie.attributes,
      key: cookie.name,
      rolling: true,
      genid: () => KEY_TO_COME,
      externalKey: { get: cookie.present, set: () => {} },
      ContextStore: requestStore(options),
      ...(valid && { valid: validity(valid) }),
    },
    app,
  )
  extendContext(app, membersGiver(update, maxAge), maxAge)
  return middleware
}
