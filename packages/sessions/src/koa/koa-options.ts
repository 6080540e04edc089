/** What `sessions(app, options)` takes. */
import type Koa from 'koa'
import { oldSessionsRule, type OldSessions } from '../adoption/old-sessions.ts'
import { carrierOf } from '../carrier.ts'
import type { SessionStore } from '../contract.ts'
import { checkedCookieOptions, type CookieOptions, cookieRules } from '../cookie/cookie-options.ts'
import { type EngineEvent, type EngineOptions, engineRules } from '../context/engine-options.ts'
import { type GuardOptions, guardRules } from '../stores/guard/guarded-store.ts'
import { GONE_FROM_KOA_SESSION } from './koa-session-options.ts'
import type { SessionDraft, SessionFields } from '../session-fields.ts'
import { namedStore, STORE_HINT, storeOrUrlRule } from '../stores/named-store.ts'
import type { KoaSession } from './session-type.ts'
import { assertGiven, checkedOptions, type Rules, SessionOptionsError, take } from '../options.ts'
import { metricsRule, type SessionMetrics, withMetrics } from '../observability/observers.ts'
import type { StoreCall, StoreEvent } from '../telemetry.ts'

/**
 * What a request is answered with while the store is down.
 *
 * - `closed`: 503 with Retry-After.
 * - `anonymous`: as if it had no session. Changing or ending one is still a 503, and the cookie is left alone.
 * - `read-only`: with the session as this process last saw it, if that is not older than `lastKnown.ageMaxMs`, and else like
 *   `anonymous`. It may have been ended on another node since: not for routes where that matters.
 */
export type OutagePolicy = 'closed' | 'anonymous' | 'read-only'

export interface SessionsOptions<Fields extends object = SessionFields>
  extends Omit<EngineOptions, 'store' | 'userOf' | 'onEvent'>, CookieOptions {
  /**
   * Its URL, such as `redis://127.0.0.1:6379`: `sessions()` opens it, and closes it when the server of `app.listen()` is closed. Or an
   * opened store, which the application closes: `await openStore('redis://...')`.
   */
  readonly store: SessionStore | string
  /**
   * The session's user, from its data: a text, or undefined for a visitor's. A change of the user rotates the id. Default: the field
   * `user`, if it is a text.
   */
  readonly userOf?: (data: SessionDraft<Fields>) => string | undefined
  /** Whether a stored session may be used for this request. If not, the request has none, and may begin another. */
  readonly valid?: (ctx: Koa.Context, data: SessionDraft<Fields>) => boolean
  /** Called before a session is written, and may change it. */
  readonly beforeSave?: (ctx: Koa.Context, session: KoaSession<Fields>) => void
  /**
   * Whether a session is written, and kept alive, at the end of its request. Where it is not, `session.manuallyCommit()` does
   * it. `ctx.session = null` ends a session in any case. Default true.
   */
  readonly autoCommit?: boolean
  /**
   * Whether a request uses the session at all. Where it does not, nothing is read for it, and `ctx.session` throws rather
   * than look like a visitor without one. Default: every request does.
   */
  readonly needed?: (ctx: Koa.Context) => boolean
  /** What a request is answered with while the store is down, the same for all or by route. Default `closed`. */
  readonly outage?: OutagePolicy | ((ctx: Koa.Context) => OutagePolicy)
  /**
   * Sessions of the software that ran here before: a request without a cookie of ours and with one of theirs goes on with its session,
   * which becomes one of ours. Opened by the caller, who also closes it: `await openOldSessions('redis://...', { ... })`.
   */
  readonly adopt?: OldSessions
  /** How long to wait for the store, and how to spare it when it fails. */
  readonly guard?: GuardOptions
  /** What happens to sessions, and that the store is down or answers again. `eventLog(log)` writes lines of it. */
  readonly onEvent?: (event: EngineEvent | StoreEvent) => void
  /** Every call to the store once it has ended, for counters and latency: it runs inside the request. */
  readonly onStoreCall?: (call: StoreCall) => void
  /** Counts for Prometheus: what `sessionMetrics()` of `@ninelives/sessions/metrics` makes. */
  readonly metrics?: SessionMetrics
}

/** The options with the store opened, or on its way to be, and `secure` decided. */
export interface CheckedOptions extends Omit<SessionsOptions, 'store'> {
  readonly store: SessionStore
  /** The application named it by its URL. */
  readonly opensStore: boolean
  readonly secure: boolean
}

const rules: Rules<SessionsOptions> = {
  ...engineRules,
  ...cookieRules,
  store: storeOrUrlRule,
  valid: take.function,
  beforeSave: take.function,
  autoCommit: take.boolean,
  needed: take.function,
  outage: take.either(take.oneOf('closed', 'anonymous', 'read-only'), take.function),
  adopt: oldSessionsRule,
  guard: take.options(guardRules),
  onStoreCall: take.function,
  metrics: metricsRule,
}

/** Throws SessionOptionsError for what can't be used. */
export function checkedSessionsOptions(given: SessionsOptions): CheckedOptions {
  const factory = 'sessions()'
  const checked = checkedOptions(factory, given, rules, GONE_FROM_KOA_SESSION)
  assertGiven(factory, checked, ['store', STORE_HINT])
  const options = withMetrics(checkedCookieOptions(factory, checked))
  const { adopt, onEvent } = options
  if (adopt !== undefined && adopt.idsIn === undefined) {
    throw new SessionOptionsError('sessions(): adopt needs the secrets that the old cookies are signed with.')
  }
  const store = namedStore(factory, options.store, onEvent)
  if (adopt !== undefined && carrierOf(store) !== undefined) {
    throw new SessionOptionsError(
      'sessions(): adopt takes a store that keeps its sessions: with token: two nodes would adopt a session twice.',
    )
  }
  return { ...options, store, opensStore: typeof options.store === 'string' }
}
