/**
 * The adapter for Koa: a request's session is opened, its handler runs, the session is committed, and the answer gets its
 * cookie, in this order in `withSession`. `ctx.session` is koa-session's; what that takes is in the files koa-session-*.ts.
 */
import { errorMonitor, type EventEmitter } from 'node:events'
import type { Server } from 'node:http'
import type Koa from 'koa'
import { type Carrier, carrierOf } from '../carrier.ts'
import { clientError } from '../client-error.ts'
import type { SessionStore } from '../contract.ts'
import { type Engine, sessionEngine } from '../engine/engine.ts'
import { engineOptionsIn } from '../context/engine-options.ts'
import { guardedStore } from '../stores/guard/guarded-store.ts'
import { copyOf, withHeldObjects } from '../record/data.ts'
import { answeringWith, replay, wasAnswered } from './idempotency.ts'
import { type CheckedOptions, checkedSessionsOptions, type SessionsOptions } from './koa-options.ts'
import type { SessionFields } from '../session-fields.ts'
import type { KoaSession } from './session-type.ts'
import { merge } from '../record/merge.ts'
import { hasMethods, SessionOptionsError, shown } from '../options.ts'
import { endDiscarded, refuseInOutage, sessionOf, STATE, type StatefulContext, stateOf } from './request-state.ts'
import { reported, type SessionsReport } from '../observability/session-counts.ts'
import { type SessionCookie, sessionCookie } from './session-cookie.ts'
import { cookieLimits } from '../cookie/cookie-options.ts'
import { withFieldNames } from '../field-names.ts'
import { fieldsOf, replaceFields } from './koa-session-fields.ts'
import type { Update } from './koa-session-members.ts'
import { koaSessionMiddleware } from './koa-session-middleware.ts'
import { withHeaders } from './with-headers.ts'
import { SOCKET_ACCESS, type SocketLayer } from '../socket-access.ts'
import { type UsersSessions, usersSessions } from '../users/users.ts'

export type { OutagePolicy, SessionsOptions } from './koa-options.ts'
export type { AssignedSession, KoaSession, SessionMembers, UpdateOptions } from './session-type.ts'
export type { MaxAge, SessionDraft, SessionFields } from '../session-fields.ts'

/** What an application keeps of the session layer. */
export interface SessionLayer extends SocketLayer {
  /** Resolves when the store serves. Asked from time to time, as by a readiness probe, it also ends an outage sooner. */
  health(): Promise<void>
  /** A user's sessions, to list and to end. */
  readonly users: UsersSessions
  /** What was counted since this process made the layer. */
  report(): SessionsReport
  /** For what else keeps its records there, such as `loginThrottle({ store })`. */
  readonly store: SessionStore
  /** Closes a store that was named by its URL, as the end of `app.listen()`'s server does. One that the application opened is left. */
  close(): Promise<void>
}

const TOKEN_REFUSED = 'token: keeps a session in its cookie, which a socket can not send anew. Take another store.'
const LAST_KNOWN = { sessionsMax: 10_000, dataLengthMax: 64 * 1024 * 1024, ageMaxMs: 60_000 }

/** Installs the sessions on an application. `Fields` is what it keeps in a session, see SessionFields. */
export function sessions<Fields extends object = SessionFields>(
  app: Koa,
  given: SessionsOptions<Fields>,
): SessionLayer {
  assertApplication(app, given)
  const options = checkedSessionsOptions(given as SessionsOptions)
  const { needed = () => true } = options
  if (options.opensStore) closeWithServers(app, options.store)
  const store = guardedStore(options.store, options.guard, {
    onEvent: options.onEvent,
    onStoreCall: options.onStoreCall,
    tracing: options.tracing,
  })
  const { engine, carrier } = carrying(engineFor(options, store), options)
  const cookie = sessionCookie(engine, options, carrier)
  const openNextCommit = koaSessionMiddleware(app, options, cookie, updating(options, cookie))

  /** koa-session reads at once, because a property can't wait: so it is not asked where the session is not needed. */
  const open = async (ctx: StatefulContext, next: Koa.Next): Promise<void> => {
    if (needed(ctx)) return await openNextCommit(ctx, next)
    ctx[STATE] = 'not needed'
    await next()
  }

  const withSession = async (ctx: StatefulContext, next: Koa.Next): Promise<void> => {
    refuseMounted(ctx, app)
    try {
      try {
        await open(ctx, next)
      } catch (error) {
        // The handler of a request that was answered before may fail on what it found.
        if (!wasAnswered(ctx)) throw error
      }
      await replay(ctx)
    } catch (error) {
      await cookie.settle(ctx)
      throw withCookies(ctx, clientError(error))
    }
    await cookie.settle(ctx)
  }

  app.use(withSession)
  const refused = carrier === undefined ? undefined : TOKEN_REFUSED
  const ids = { by: 'cookie', of: cookie.idsOf } as const
  const report = (): SessionsReport => reported(engine.counts)
  options.metrics?.watch({ report, store: options.store })
  return {
    users: usersSessions(engine),
    health: () => store.health(),
    store: options.store,
    report,
    close: async () => {
      if (options.opensStore) await options.store.close()
    },
    [SOCKET_ACCESS]: { engine, secure: options.secure, ids, refused },
  }
}

/** `session.update()`: what the handler has changed so far, and its change on top, in one write. */
function updating({ beforeSave }: SessionsOptions, cookie: SessionCookie): Update {
  return (ctx, session, change, name, { answer } = {}) =>
    stateOf(ctx).inTurn(async () => {
      const state = stateOf(ctx)
      refuseInOutage(state)
      await endDiscarded(state)
      beforeSave?.(ctx, session as unknown as KoaSession)
      const written = copyOf(fieldsOf(session))
      const answering = answer && answeringWith(ctx, state, answer)
      const result = await sessionOf(state).update(written, withFieldNames(change), name, answering)
      // What the handler set while it waited is still to come: it stays on top of what is stored now.
      const now = fieldsOf(session)
      replaceFields(session, withHeldObjects(merge(written, now, sessionOf(state).take()), now))
      await cookie.send(ctx)
      return result
    })
}

/** The engine with those of the options that are its own. */
function engineFor(options: CheckedOptions, store: SessionStore): Engine {
  const { outage } = options
  const readsLastKnown = outage === 'read-only' || typeof outage === 'function'
  return sessionEngine({
    ...engineOptionsIn(options),
    ...(readsLastKnown && { lastKnown: { ...LAST_KNOWN, ...options.lastKnown } }),
    store,
  }).over({ endingsKeptUntilMs: options.adopt?.untilMs ?? 0 })
}

/** Where the store's sessions travel in their cookies: its carrier, and the engine over what the nodes share. */
function carrying(engine: Engine, options: CheckedOptions): { engine: Engine; carrier?: Carrier } {
  const makeCarrier = carrierOf(options.store)
  if (makeCarrier === undefined) return { engine }
  const { store: shared, clock, absoluteTimeoutMs, requestTimeMaxMs, onEvent } = engine
  const lifetimeMaxMs = absoluteTimeoutMs + requestTimeMaxMs
  const keys = options.keys as readonly string[]
  const carrier = makeCarrier({ shared, keys, ...cookieLimits(options), clock, lifetimeMaxMs, onEvent })
  const { store, idempotencyBytesMax } = carrier
  return { engine: engine.over({ store, idempotencyBytesMax, aliasesRotate: true }), carrier }
}

/** The store is open for as long as the application listens: it may do so on several ports, and again. */
function closeWithServers(app: Koa, store: SessionStore): void {
  const listen = app.listen.bind(app) as (...given: unknown[]) => Server
  /** Those that listen, or are about to. */
  const servers = new Set<Server>()
  const begins = (server: Server): void => {
    servers.add(server)
    // Where that fails, a request is told so.
    store.open().catch(() => undefined)
  }
  const ends = (server: Server): void => {
    // Nothing is served any more, so a store that fails to close costs no request.
    if (servers.delete(server) && servers.size === 0) store.close().catch(() => undefined)
  }
  app.listen = (...given: unknown[]): Server => {
    const server = listen(...given)
    begins(server)
    // One whose port was taken may try another.
    server.on('listening', () => {
      if (!servers.has(server)) begins(server)
    })
    server.on('close', () => ends(server))
    // A listener for the error itself would keep it from ending the process.
    const emitter: EventEmitter = server
    emitter.on(errorMonitor, () => {
      if (!server.listening) ends(server)
    })
    return server
  }
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
function refuseMounted(ctx: Koa.Context, app: Koa): void {
  if (ctx.app === app) return
  throw new SessionOptionsError(
    'sessions(app) was called for an application that is mounted in another: call it for the outer one.',
  )
}

/**
 * A handler that failed may have committed before. Koa strips the headers of a failed request: without its cookie, a session
 * that it began would be out of reach.
 */
function withCookies(ctx: Koa.Context, error: unknown): unknown {
  const cookies = ctx.res.getHeader('Set-Cookie')
  return cookies === undefined || !(error instanceof Error) ? error : withHeaders(error, { 'Set-Cookie': cookies })
}
