/**
 * The adapter for Koa, on koa-session. koa-session gives `ctx.session` its well-known shape and decides when to save; the
 * cookie, the id and what saving means are ours:
 *
 * - `rolling` makes koa-session hand over every session at the end of its request, and the engine compares with what was
 *   read, because koa-session's own comparison is a checksum that misses changes and a flag that `regenerate()` clears.
 * - `regenerate()` arrives as destroy, a new id, set. While `ctx.session` still stands it means a rotation, and becomes
 *   part of the next write; between koa-session's two calls a crash would have left the user without a session.
 * - `ctx.session = null` and then an object is another session under another handle, not the old id with other data.
 * - A handler that threw has still committed, and its new session's cookie travels with the error; Koa would strip it and
 *   leave a session that nobody can reach.
 */
import type Koa from 'koa'
import createSession from 'koa-session'
import { extendContext } from './context-session.ts'
import type { SessionStore } from '../contract.ts'
import { type Engine, sessionEngine } from '../engine/engine.ts'
import { type EngineOptions, engineRules } from '../context/engine-options.ts'
import { guardedStore } from '../stores/guard/guarded-store.ts'
import type { SessionData } from '../record/data.ts'
import { notingAnswer, withRecordedAnswer } from './idempotency.ts'
import { checkedSessionsOptions, type SessionsOptions } from './koa-options.ts'
import type { KoaSession, SessionFields } from './koa-session-type.ts'
import { merge } from '../record/merge.ts'
import { hasMethods, SessionOptionsError, shown } from '../options.ts'
import { refuseInOutage, sessionOf, STATE, type StatefulContext, stateOf } from './request-state.ts'
import { requestStore, validity } from './request-store.ts'
import { sessionCookie } from './session-cookie.ts'
import { assertFieldNames, fieldsOf, replaceFields } from './session-fields.ts'
import { adoption, type Update } from './session-members.ts'
import { type UsersSessions, usersSessions } from '../users/users.ts'

export type { OutagePolicy, SessionsOptions } from './koa-options.ts'
export type {
  AssignedSession,
  KoaSession,
  MaxAge,
  SessionDraft,
  SessionFields,
  SessionMembers,
} from './koa-session-type.ts'

/** What an application keeps of the session layer. */
export interface SessionLayer {
  /** Resolves when the store serves. Asked from time to time, as by a readiness probe, it also ends an outage sooner. */
  health(): Promise<void>
  /** A user's sessions, to list and to end. */
  readonly users: UsersSessions
}

const LAST_KNOWN = { sessionsMax: 10_000, dataLengthMax: 64 * 1024 * 1024, ageMaxMs: 60_000 }

/** koa-session passes its keys to events and debug output; the real id stays with the request's state. */
const KEY_TO_COME = 'to come'

/** Installs the sessions on an application. `Fields` is what it keeps in a session, see SessionFields. */
export function sessions<Fields extends object = SessionFields>(
  app: Koa,
  given: SessionsOptions<Fields>,
): SessionLayer {
  assertApplication(app, given)
  const options = checkedSessionsOptions(given as SessionsOptions)
  const { needed } = options
  const store = guardedStore(options.store, options.guard, {
    onEvent: options.onEvent,
    onStoreCall: options.onStoreCall,
  })
  const engine = engineFor(options, store)
  const cookie = sessionCookie(engine, options)
  const middleware = createSession(
    {
      ...cookie.attributes,
      key: cookie.name,
      rolling: true,
      genid: () => KEY_TO_COME,
      externalKey: { get: cookie.present, set: cookie.send },
      ContextStore: requestStore(options),
      ...(options.valid && { valid: validity(options.valid) }),
    },
    app,
  )
  const update: Update = (ctx, session, change, name) =>
    stateOf(ctx).inTurn(async () => {
      const state = stateOf(ctx)
      refuseInOutage(state)
      await state.discarded?.destroy()
      options.beforeSave?.(ctx, session as unknown as KoaSession)
      const written = fieldsOf(session)
      const result = await notingAnswer(state, sessionOf(state), (session) =>
        session.update(written, withFieldNames(change), name),
      )
      // What the handler set while it waited is still to come: it stays on top of what is stored now.
      const now = fieldsOf(session)
      replaceFields(session, merge(written, now, sessionOf(state).take()))
      cookie.send(ctx)
      return result
    })

  const { maxAge = 'session' } = options
  extendContext(app, adoption(update, maxAge), maxAge)
  app.use(inside(app, cookie.settle))
  app.use(withRecordedAnswer)
  app.use(needed === undefined ? middleware : onlyWhere(needed, middleware))
  return { users: usersSessions(engine), health: () => store.health() }
}

/** The engine with those of the options that are its own. */
function engineFor(options: SessionsOptions, store: SessionStore): Engine {
  const { outage, maxAge } = options
  const own = Object.entries(options).filter(([name]) => Object.hasOwn(engineRules, name))
  const readsLastKnown = outage === 'read-only' || typeof outage === 'function'
  return sessionEngine({
    ...(Object.fromEntries(own) as Partial<EngineOptions>),
    ...(typeof maxAge === 'number' && { idleTimeoutMs: maxAge }),
    ...(readsLastKnown && { lastKnown: { ...LAST_KNOWN, ...options.lastKnown } }),
    store,
  })
}

function assertApplication(app: Koa, options: unknown): void {
  if (!hasMethods(app, ['use', 'callback'])) {
    throw new SessionOptionsError(
      hasMethods(options, ['use', 'callback'])
        ? 'sessions() takes the application first: sessions(app, options).'
        : `sessions() takes a Koa application first, not ${shown(app)}.`,
    )
  }
  if (Object.hasOwn(app.context, 'session')) {
    throw new SessionOptionsError(
      'ctx.session is taken on this application: sessions() is called once for it, and without koa-session beside it. A second cookie needs an application of its own, behind another path of the proxy.',
    )
  }
}

/** koa-mount runs an application's middleware in the context of the outer one, which has no session. */
function inside(app: Koa, middleware: Koa.Middleware): Koa.Middleware {
  return async (ctx, next) => {
    if (ctx.app === app) return (await middleware(ctx, next)) as unknown
    throw new SessionOptionsError(
      'sessions(app) was called for an application that is mounted in another: call it for the outer one.',
    )
  }
}

function withFieldNames<T>(change: (draft: SessionData) => T): (draft: SessionData) => T {
  return (draft) => {
    const outcome = change(draft)
    assertFieldNames(draft)
    return outcome
  }
}

/** koa-session reads at once, because a property can't wait: so it is not asked where nobody will look. */
function onlyWhere(needed: (ctx: Koa.Context) => boolean, middleware: Koa.Middleware): Koa.Middleware {
  return async (ctx: StatefulContext, next) => {
    if (needed(ctx)) return (await middleware(ctx, next)) as unknown
    ctx[STATE] = 'not needed'
    return await next()
  }
}
