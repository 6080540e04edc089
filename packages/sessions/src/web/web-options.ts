/** What `createSessions(options)` takes, and what it makes of that for each request. */
import type { IncomingHttpHeaders } from 'node:http'
import { carrierOf } from '../carrier.ts'
import { type EngineEvent, type EngineOptions, engineRules } from '../context/engine-options.ts'
import type { SessionStore } from '../contract.ts'
import { checkedCookieOptions, type CookieOptions, cookieRules } from '../cookie/cookie-options.ts'
import { StoreConfigError } from '../errors.ts'
import { assertGiven, checkedOptions, type Rules, take } from '../options.ts'
import type { SessionInfo } from '../engine/session.ts'
import type { CookieSealer } from '../secrets/cookie.ts'
import type { SessionDraft, SessionFields } from '../session-fields.ts'
import { metricsRule, type SessionMetrics, withMetrics } from '../observability/observers.ts'
import { type GuardOptions, guardRules } from '../stores/guard/guarded-store.ts'
import { namedStore, STORE_HINT, storeOrUrlRule } from '../stores/named-store.ts'
import type { StoreCall, StoreEvent } from '../telemetry.ts'

/** A web `Request`, a request of `node:http`, or whatever else has the headers of either. */
export interface RequestWithHeaders {
  readonly headers: IncomingHttpHeaders | { get(name: string): string | null }
}

export interface WebSessionsOptions<
  Fields extends object = SessionFields,
  Incoming extends RequestWithHeaders = RequestWithHeaders,
>
  extends
    Omit<
      EngineOptions,
      | 'store'
      | 'userOf'
      | 'onEvent'
      | 'lastKnown'
      | 'idempotencyWindowMs'
      | 'idempotencyBytesMax'
      | 'idempotencyKeysMax'
    >,
    CookieOptions {
  /**
   * Its URL, such as `redis://127.0.0.1:6379`: it is opened at once, and closed by `close()`. Or an opened store, which the application
   * closes: `await openStore('redis://...')`.
   */
  readonly store: SessionStore | string
  /**
   * The session's user, from its data: a text, or undefined for a visitor's. A change of the user rotates the id. Default: the field
   * `user`, if it is a text.
   */
  readonly userOf?: (data: SessionDraft<Fields>) => string | undefined
  /**
   * The client's address, by which new visitors are counted. Default: none, and visitors are not bounded by address, because behind a
   * proxy the address of the connection is the proxy's.
   */
  readonly addressOf?: (request: Incoming) => string | undefined
  /** How long to wait for the store, and how to spare it when it fails. */
  readonly guard?: GuardOptions
  /** What happens to sessions, and that the store is down or answers again. `eventLog(log)` writes lines of it. */
  readonly onEvent?: (event: EngineEvent | StoreEvent) => void
  /** Every call to the store once it has ended, for counters and latency: it runs inside the request. */
  readonly onStoreCall?: (call: StoreCall) => void
  /** Counts for Prometheus: what `sessionMetrics()` of `@ninelives/sessions/metrics` makes. */
  readonly metrics?: SessionMetrics
}

const {
  lastKnown: _,
  idempotencyWindowMs: __,
  idempotencyBytesMax: ___,
  idempotencyKeysMax: ____,
  ...ofEngine
} = engineRules

const rules: Rules<WebSessionsOptions> = {
  ...ofEngine,
  ...cookieRules,
  store: storeOrUrlRule,
  addressOf: take.function,
  guard: take.options(guardRules),
  onStoreCall: take.function,
  metrics: metricsRule,
}

/** The options with the store opened, or on its way to be, and `secure` decided. */
export interface CheckedWebOptions extends Omit<WebSessionsOptions, 'store'> {
  readonly store: SessionStore
  readonly opensStore: boolean
  readonly secure: boolean
}

/** Throws SessionOptionsError for what can't be used. */
export function checkedWebOptions(given: WebSessionsOptions): CheckedWebOptions {
  const factory = 'createSessions()'
  const checked = checkedOptions(factory, given, rules)
  assertGiven(factory, checked, ['store', STORE_HINT])
  const options = withMetrics(checkedCookieOptions(factory, checked))
  const store = namedStore(factory, options.store, options.onEvent)
  if (carrierOf(store) !== undefined) {
    throw new StoreConfigError(
      `${factory}: token: keeps a session in its cookie, which only Koa's sessions() can set. Take another store.`,
    )
  }
  return { ...options, store, opensStore: typeof options.store === 'string' }
}

/** How an answer's cookie is made. */
export interface WebCookie {
  readonly sealer: CookieSealer
  readonly isKept: (info: SessionInfo) => boolean
  readonly headerOf: (value: string, expiresAtMs: number | undefined) => string
}
