/**
 * The store interface of express-session, and of @fastify/session which borrowed it, over any of our stores. It is
 * `get(id)`, `set(id, session)`, `touch` and `destroy(id)`: whole sessions, without a version and without the request. What
 * `get` gave is therefore remembered with the object that the middleware makes of it, and `set` brings only the difference
 * into the store, by the engine that serves Koa too.
 *
 * What holds: fields that other tabs changed meanwhile stay as those made them; a destroyed session is fenced, and a slow
 * request brings nothing back; the absolute timeout runs from the session's creation; a session that was only read is
 * touched at most once per 1 % of its idle time; the id is hashed before it reaches the store; a `set` that was reported
 * as done is kept.
 *
 * What the interface has no room for: `update(fn)` (declare a resolver for a counter); rotation in one step, for
 * `regenerate()` is a destroy and then a set, and a crash between them logs the user out; the theft signal on an old id;
 * idempotency keys; a user's list of sessions. And what the middleware decides: express-session sends the status before it
 * saves, so a save at the end of a request that failed, or was refused after a logout, looks to the client like one that
 * went well. A handler that must know calls `req.session.save(callback)` before it answers. @fastify/session saves first.
 *
 * Rejected: to depend on either package, or to write express-session's Session and Cookie anew. The application hands in
 * its own `session.Store`, and gets one of those.
 */
import { oldSessionsRule, type OldSessions } from '../adoption/old-sessions.ts'
import { carrierOf } from '../carrier.ts'
import { clientError } from '../client-error.ts'
import type { SessionStore } from '../contract.ts'
import { StoreConfigError } from '../errors.ts'
import { sessionEngine } from '../engine/engine.ts'
import { type EngineEvent, type EngineOptions, engineRules } from '../context/engine-options.ts'
import { type GuardOptions, guardedStore, guardRules } from '../stores/guard/guarded-store.ts'
import { namedStore, STORE_HINT, storeOrUrlRule } from '../stores/named-store.ts'
import type { StoreCall, StoreEvent } from '../telemetry.ts'
import { metricsRule, type SessionMetrics, type SessionTracing, withMetrics } from '../observability/observers.ts'
import { reported, type SessionsReport } from '../observability/session-counts.ts'
import { CARRIER, endSession, middlewareId, MiddlewareSession } from './middleware-session.ts'
import { SOCKET_ACCESS, type SocketAccess, type SocketLayer } from '../socket-access.ts'
import { assertGiven, checkedOptions, type Rules, SessionOptionsError, shown, take } from '../options.ts'

export { genuineCookie, type GenuineCookieOptions } from '../secrets/genuine-cookie.ts'
export {
  type OldSession,
  type OldSessions,
  type OldSessionsOptions,
  openOldSessions,
} from '../adoption/old-sessions.ts'
export { mergeItems, type MergeItemsOptions } from '../record/merge-items.ts'
export { resolve } from '../record/merge.ts'
export { openStore } from '../stores/open-store.ts'
export { SessionOptionsError } from '../options.ts'

/** Of the engine's options, those that mean something here. */
type Governed =
  | 'clock'
  | 'absoluteTimeoutMs'
  | 'resolvers'
  | 'dataBytesMax'
  | 'requestTimeMaxMs'
  | 'commitAttemptsMax'
  | 'commitTimeMaxMs'

export interface MiddlewareStoreOptions extends Pick<EngineOptions, Governed> {
  /**
   * Its URL, such as `redis://127.0.0.1:6379`: it is opened at once, and closed by `close()` of what the factory returns. Or an opened
   * store, which the application closes: `await openStore('redis://...')`.
   */
  readonly store: SessionStore | string
  /** How long a session whose cookie has no `maxAge` may be unused; with one, it is that long. Default 30 minutes. */
  readonly idleTimeoutMs?: number
  /**
   * Sessions that the same middleware has kept in another store: each becomes one of ours when it is used. `await openOldSessions(...)`,
   * without `secrets`: the middleware checks its cookie.
   */
  readonly adopt?: OldSessions
  /** How long to wait for the store, and how to spare it when it fails. */
  readonly guard?: GuardOptions
  /** What happens to sessions, and that the store is down or answers again. */
  readonly onEvent?: (event: EngineEvent | StoreEvent) => void
  /** Every call to the store once it has ended. */
  readonly onStoreCall?: (call: StoreCall) => void
  /** Counts for Prometheus: what `sessionMetrics()` of `@ninelives/sessions/metrics` makes. */
  readonly metrics?: SessionMetrics
  /** Spans of calls to the store: what `sessionTracing()` of `@ninelives/sessions/tracing` makes. */
  readonly tracing?: SessionTracing
}

export interface ExpressStoreOptions<Store extends SessionMaker> extends MiddlewareStoreOptions {
  /** `session.Store` of the express-session that the application uses. */
  readonly Store: abstract new () => Store
}

/** What is needed of express-session's Store: it makes the request's session of the fields that were stored. */
export interface SessionMaker {
  createSession(request: never, fields: never): object
}

/** What the application keeps of it. */
export interface ClosableLayer extends SocketLayer {
  /** What was counted since this process made the layer. */
  report(): SessionsReport
  /** Closes a store that was named by its URL; one that the application opened is left. */
  close(): Promise<void>
}

export interface FastifyStore extends ClosableLayer {
  /** What a session is, the application's own types say: a callback may expect anything of what it is given. */
  get(id: string, callback: Callback<never>): void
  set(id: string, session: object, callback?: Callback<void>): void
  destroy(id: string, callback?: Callback<void>): void
}

type Callback<T> = (error: unknown, result?: T) => void

/** For express-session: `session({ store: expressStore({ store, Store: session.Store }), ... })`. */
export function expressStore<Store extends SessionMaker>(options: ExpressStoreOptions<Store>): Store & ClosableLayer {
  const { Store, ...rest } = options
  if (typeof Store !== 'function') {
    throw new SessionOptionsError(`expressStore(): Store takes session.Store of express-session, not ${shown(Store)}.`)
  }
  const sessions = middlewareSessions('expressStore()', rest)
  const Base = Store as unknown as new () => { createSession(request: object, fields: object): object }

  class ExpressStore extends Base {
    readonly [SOCKET_ACCESS] = sessions.socketAccess

    report(): SessionsReport {
      return sessions.report()
    }

    close(): Promise<void> {
      return sessions.close()
    }

    get(id: string, callback: Callback<object>): void {
      const session = sessions.at(id)
      tell(
        session.read().then((fields) => fields && sessions.hold(fields, session)),
        callback,
      )
    }

    set(id: string, session: object, callback?: Callback<void>): void {
      tell(sessions.save(id, session), callback)
    }

    /** Called instead of `set` where the fields look the same; the cookie's settings may not. */
    touch(id: string, session: object, callback?: Callback<void>): void {
      tell(sessions.save(id, session), callback)
    }

    destroy(id: string, callback?: Callback<void>): void {
      tell(sessions.end(id), callback)
    }

    /** The one place where the fields that `get` gave meet the object that `set` will be given. */
    override createSession(request: object, fields: object): object {
      const session = super.createSession(request, fields)
      const read = sessions.heldBy(fields)
      return read === undefined ? session : sessions.hold(session, read)
    }
  }
  return new ExpressStore() as unknown as Store & ClosableLayer
}

/** For @fastify/session: `fastify.register(session, { store: fastifyStore({ store }), ... })`. */
export function fastifyStore(options: MiddlewareStoreOptions): FastifyStore {
  const sessions = middlewareSessions('fastifyStore()', options)
  return {
    get(id, callback) {
      const session = sessions.at(id)
      tell(
        session.read().then((fields) => fields && { ...fields, [CARRIER]: session }),
        callback as Callback<object>,
      )
    },
    set: (id, session, callback) => tell(sessions.save(id, session), callback),
    destroy: (id, callback) => tell(sessions.end(id), callback),
    report: () => sessions.report(),
    close: () => sessions.close(),
    [SOCKET_ACCESS]: sessions.socketAccess,
  }
}

const rules: Rules<MiddlewareStoreOptions> = {
  store: storeOrUrlRule,
  clock: engineRules.clock,
  idleTimeoutMs: engineRules.idleTimeoutMs,
  absoluteTimeoutMs: engineRules.absoluteTimeoutMs,
  resolvers: engineRules.resolvers,
  dataBytesMax: engineRules.dataBytesMax,
  requestTimeMaxMs: engineRules.requestTimeMaxMs,
  commitAttemptsMax: engineRules.commitAttemptsMax,
  commitTimeMaxMs: engineRules.commitTimeMaxMs,
  onEvent: engineRules.onEvent,
  adopt: oldSessionsRule,
  guard: take.options(guardRules),
  onStoreCall: take.function,
  metrics: metricsRule,
  tracing: engineRules.tracing,
}

function middlewareSessions(factory: string, given: MiddlewareStoreOptions) {
  const { guard, onStoreCall, adopt, metrics, ...options } = withMetrics(checkedOptions(factory, given, rules))
  assertGiven(factory, options, ['store', STORE_HINT])
  const named = namedStore(factory, options.store, options.onEvent)
  if (carrierOf(named) !== undefined) {
    throw new StoreConfigError(
      `${factory}: token: keeps a session in its cookie, and the cookie of this middleware has only an id. Take another store, or Koa's sessions().`,
    )
  }
  const store = guardedStore(named, guard, { onEvent: options.onEvent, onStoreCall, tracing: options.tracing })
  const engine = sessionEngine({ ...options, store, userOf: () => undefined, visitors: 'as-users' })
  const report = (): SessionsReport => reported(engine.counts)
  metrics?.watch({ report, store: named })
  const held = new WeakMap<object, MiddlewareSession>()

  const heldBy = (object: object): MiddlewareSession | undefined =>
    held.get(object) ?? (object as { [CARRIER]?: MiddlewareSession })[CARRIER]

  const hold = <T extends object>(object: T, session: MiddlewareSession): T => {
    held.set(object, session)
    return object
  }

  const ids = { by: 'middleware', of: middlewareId } as const
  const socketAccess: SocketAccess = { engine, secure: false, ids }

  return {
    heldBy,
    hold,
    socketAccess,
    report,
    at: (id: string) => new MiddlewareSession(engine, id, adopt),

    /** An object that was made of nothing we read replaces what is stored under the id, as the interface has it. */
    async save(id: string, object: object): Promise<void> {
      const known = heldBy(object)
      const session = known?.isOf(id) === true ? known : new MiddlewareSession(engine, id, adopt)
      hold(object, session)
      await session.save(object)
    },

    end: (id: string) => endSession(engine, id, adopt),

    close: async (): Promise<void> => {
      if (named !== options.store) await named.close()
    },
  }
}

/** Out of the promise, so that what a callback throws is the application's uncaught error and not an answer of ours. */
function tell<T>(done: Promise<T | undefined>, callback: Callback<T> | undefined): void {
  done.then(
    (result) => process.nextTick(() => callback?.(null, result)),
    // Without a callback the failure is not reported: the session is as it was, or ends when its time is over.
    (error: unknown) => process.nextTick(() => callback?.(clientError(error))),
  )
}
