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
import type { SessionStore } from './contract.ts'
import { signingKeysRule } from './cookie.ts'
import { type EngineEvent, type EngineOptions, engineRules, sessionEngine } from './engine.ts'
import type { SessionData } from './data.ts'
import { type GuardOptions, guardedStore, guardRules } from './guarded-store.ts'
import { notingAnswer, withRecordedAnswer } from './idempotency.ts'
import { refuseInOutage, sessionOf, STATE, type StatefulContext, stateOf } from './request-state.ts'
import { GONE_FROM_KOA_SESSION } from './koa-session-options.ts'
import { merge } from './merge.ts'
import { assertGiven, checkedOptions, hasMethods, type Rules, SessionOptionsError, shown, take } from './options.ts'
import { requestStore } from './request-store.ts'
import { cookieNameRule, sessionCookie } from './session-cookie.ts'
import { assertFieldNames, fieldsOf, replaceFields } from './session-fields.ts'
import type { SessionInfo } from './session.ts'
import type { BreakerEvent, StoreCall } from './telemetry.ts'
import { type UsersSessions, usersSessions } from './users.ts'

/**
 * What a request is answered with while the store is down.
 *
 * - `closed`: 503 with Retry-After.
 * - `anonymous`: as if it had no session. Changing one is still a 503, and the cookie is left alone.
 * - `read-only`: with the session as this process last saw it, if that is not older than `lastKnown.ageMaxMs`, and else like
 *   `anonymous`. It may have been ended on another node since: not for routes where that matters.
 */
export type OutagePolicy = 'closed' | 'anonymous' | 'read-only'

/** What an application keeps of the session layer. */
export interface SessionLayer {
  /** Resolves when the store serves. Asked from time to time, as by a readiness probe, it also ends an outage sooner. */
  health(): Promise<void>
  /** A user's sessions, to list and to end. */
  readonly users: UsersSessions
}

export interface SessionsOptions extends Omit<EngineOptions, 'store' | 'onEvent'> {
  /** Opened by the caller, who also closes it: `await openStore('redis://...')`. */
  readonly store: SessionStore
  /** Secrets that sign the cookie, newest first, 32 characters or more each. One that is not set is refused by its place. */
  readonly keys: readonly (string | undefined)[]
  /** Whether the cookie may travel over https only. It is then named `__Host-...`, which no subdomain can overwrite. */
  readonly secure: boolean
  /** The cookie's name, without the prefix. Default `sid`. */
  readonly cookieName?: string
  /**
   * Whether a request uses the session at all. Where it does not, nothing is read for it, and `ctx.session` throws rather
   * than look like a visitor without one. Default: every request does.
   */
  readonly needed?: (ctx: Koa.Context) => boolean
  /** What a request is answered with while the store is down, the same for all or by route. Default `closed`. */
  readonly outage?: OutagePolicy | ((ctx: Koa.Context) => OutagePolicy)
  /** How long to wait for the store, and how to spare it when it fails. */
  readonly guard?: GuardOptions
  /** What happens to sessions, and that the store is down or answers again. `eventLog(log)` writes lines of it. */
  readonly onEvent?: (event: EngineEvent | BreakerEvent) => void
  /** Every call to the store once it has ended, for counters and latency: it runs inside the request. */
  readonly onStoreCall?: (call: StoreCall) => void
}

/** koa-session's object: an application's own fields, and a few members that keep their names. */
export interface KoaSession {
  [field: string]: unknown
  readonly isNew: boolean
  /** Gives the session another id at once, as a login must. */
  regenerate(): Promise<void>
  save(): Promise<void>
  /**
   * Changes the session in one atomic step that no other request can come between, and returns what `change` returned.
   * `change` is synchronous, and runs again when another request was faster: it must depend on its draft alone. By `name` it
   * is known again when a request comes again with its Idempotency-Key; one update of such a request may go without.
   */
  update<T>(name: string, change: (draft: SessionData) => T): Promise<T>
  update<T>(change: (draft: SessionData) => T): Promise<T>
}

declare module 'koa' {
  interface ExtendableContext {
    get session(): KoaSession | null
    set session(fields: SessionData | null)
    /** The stored session as this request last read or wrote it; undefined while there is none. */
    readonly sessionInfo: SessionInfo | undefined
    /** The store is down, and this request is answered by the policy for that: `ctx.session` can't be changed. */
    readonly sessionOutage: boolean
  }
}

const LAST_KNOWN = { sessionsMax: 10_000, dataLengthMax: 64 * 1024 * 1024, ageMaxMs: 60_000 }

/** koa-session passes its keys to events and debug output; the real id stays with the request's state. */
const KEY_TO_COME = 'to come'

const rules: Rules<SessionsOptions> = {
  ...engineRules,
  keys: signingKeysRule,
  secure: take.boolean,
  cookieName: cookieNameRule,
  needed: take.function,
  outage: take.either(take.oneOf('closed', 'anonymous', 'read-only'), take.function),
  guard: take.options(guardRules),
  onStoreCall: take.function,
}

/** Installs the sessions on an application. */
export function sessions(app: Koa, given: SessionsOptions): SessionLayer {
  assertApplication(app, given)
  const options = checkedOptions('sessions()', given, rules, GONE_FROM_KOA_SESSION)
  assertGiven('sessions()', options, 'store', 'keys', 'secure')
  const { keys, secure, cookieName = 'sid', outage = 'closed', needed, guard, onStoreCall, ...engineOptions } = options
  const store = guardedStore(options.store, guard, { onEvent: options.onEvent, onStoreCall })
  const readsLastKnown = outage === 'read-only' || typeof outage === 'function'
  const lastKnown = readsLastKnown ? { lastKnown: { ...LAST_KNOWN, ...options.lastKnown } } : {}
  const engine = sessionEngine({ ...engineOptions, ...lastKnown, store })
  const policyFor = typeof outage === 'function' ? outage : () => outage
  const name = secure ? `__Host-${cookieName}` : cookieName
  const cookieOptions = { httpOnly: true, overwrite: true, path: '/', sameSite: 'lax', secure, signed: false } as const
  const cookie = sessionCookie({ name, keys: keys as string[], options: cookieOptions, engine })

  const middleware = createSession(
    {
      ...cookieOptions,
      key: name,
      rolling: true,
      genid: () => KEY_TO_COME,
      externalKey: { get: cookie.present, set: cookie.send },
      ContextStore: requestStore(policyFor),
    },
    app,
  )

  extendContext(app, (ctx, session, change, name) =>
    stateOf(ctx).inTurn(async () => {
      const state = stateOf(ctx)
      refuseInOutage(state)
      await state.discarded?.destroy()
      const written = fieldsOf(session)
      const result = await notingAnswer(state, () => sessionOf(state).update(written, withFieldNames(change), name))
      // What the handler set while it waited is still to come: it stays on top of what is stored now.
      const now = fieldsOf(session)
      replaceFields(session, merge(written, now, sessionOf(state).take()))
      cookie.send(ctx)
      return result
    }),
  )
  app.use(inside(app, cookie.settle))
  app.use(withRecordedAnswer)
  app.use(needed === undefined ? middleware : onlyWhere(needed, middleware))
  return { users: usersSessions(engine), health: () => store.health() }
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
