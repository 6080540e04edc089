/** What `sessions(app, options)` takes. */
import type Koa from 'koa'
import { oldSessionsRule, type OldSessions } from '../adoption/old-sessions.ts'
import { carrierOf } from '../carrier.ts'
import type { SessionStore } from '../contract.ts'
import { signingKeysRule } from '../secrets/signing-keys.ts'
import { type EngineEvent, type EngineOptions, engineRules } from '../context/engine-options.ts'
import { type GuardOptions, guardRules } from '../stores/guard/guarded-store.ts'
import { GONE_FROM_KOA_SESSION } from './koa-session-options.ts'
import type { KoaSession, MaxAge, SessionDraft, SessionFields } from './session-type.ts'
import { assertGiven, checkedOptions, type Rule, type Rules, SessionOptionsError, take } from '../options.ts'
import type { BreakerEvent, StoreCall } from '../telemetry.ts'

/**
 * What a request is answered with while the store is down.
 *
 * - `closed`: 503 with Retry-After.
 * - `anonymous`: as if it had no session. Changing one is still a 503, and the cookie is left alone.
 * - `read-only`: with the session as this process last saw it, if that is not older than `lastKnown.ageMaxMs`, and else like
 *   `anonymous`. It may have been ended on another node since: not for routes where that matters.
 */
export type OutagePolicy = 'closed' | 'anonymous' | 'read-only'

export interface SessionsOptions<Fields extends object = SessionFields> extends Omit<
  EngineOptions,
  'store' | 'userOf' | 'onEvent'
> {
  /** Opened by the caller, who also closes it: `await openStore('redis://...')`. */
  readonly store: SessionStore
  /** Secrets that sign the cookie, newest first, 32 characters or more each. One that is not set is refused by its place. */
  readonly keys: readonly (string | undefined)[]
  /** Whether the cookie may travel over https only. It is then named `__Host-...`, which no subdomain can overwrite. */
  readonly secure: boolean
  /** The cookie's name, without the prefix. Default `sid`. */
  readonly cookieName?: string
  /** Which requests of other sites bring the cookie. `none`, all of them, takes `secure: true`. Default `lax`. */
  readonly sameSite?: 'lax' | 'strict' | 'none'
  /**
   * For a cookie that subdomains share. It is then named `__Secure-...`, because `__Host-` forbids a domain: any subdomain can
   * overwrite it. Default: this host alone.
   */
  readonly domain?: string
  /**
   * In place of `idleTimeoutMs`, for sessions that outlive the browser: unused for so long they end, and the browser keeps
   * the cookie as long. `session.maxAge` sets it for one session. Default `session`: the cookie ends with the browser.
   */
  readonly maxAge?: MaxAge
  /** The session's user, from its data; a change of the user rotates the id. Default: the field `user`, if it is a text. */
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
  readonly onEvent?: (event: EngineEvent | BreakerEvent) => void
  /** Every call to the store once it has ended, for counters and latency: it runs inside the request. */
  readonly onStoreCall?: (call: StoreCall) => void
}

/** A token of RFC 6265. The prefix is not the application's to choose: it says what is true of the cookie. */
const cookieNameRule: Rule = {
  takes: "a cookie's name without a prefix",
  accepts: (name) => typeof name === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(name) && !/^__(host|secure)-/i.test(name),
  hint: (name) => (String(name).startsWith('__') ? "'__Host-' is added where secure is true." : undefined),
}

const domainRule: Rule = {
  takes: "a domain's name, such as example.com",
  accepts: (domain) => typeof domain === 'string' && /^[a-z\d-]+(\.[a-z\d-]+)*$/i.test(domain),
}

const rules: Rules<SessionsOptions> = {
  ...engineRules,
  keys: signingKeysRule,
  secure: take.boolean,
  cookieName: cookieNameRule,
  sameSite: take.oneOf('lax', 'strict', 'none'),
  domain: domainRule,
  maxAge: take.either(take.durationMs(1), take.oneOf('session')),
  valid: take.function,
  beforeSave: take.function,
  autoCommit: take.boolean,
  needed: take.function,
  outage: take.either(take.oneOf('closed', 'anonymous', 'read-only'), take.function),
  adopt: oldSessionsRule,
  guard: take.options(guardRules),
  onStoreCall: take.function,
}

/** Throws SessionOptionsError for what can't be used. */
export function checkedSessionsOptions(given: SessionsOptions): SessionsOptions {
  const options = checkedOptions('sessions()', given, rules, GONE_FROM_KOA_SESSION)
  assertGiven('sessions()', options, 'store', 'keys', 'secure')
  const { sameSite, secure, maxAge, idleTimeoutMs, adopt, store } = options
  if (sameSite === 'none' && !secure) {
    throw new SessionOptionsError("sessions(): sameSite 'none' takes secure: true, or browsers refuse the cookie.")
  }
  if (adopt !== undefined && adopt.idsIn === undefined) {
    throw new SessionOptionsError('sessions(): adopt needs the secrets that the old cookies are signed with.')
  }
  if (adopt !== undefined && carrierOf(store) !== undefined) {
    throw new SessionOptionsError(
      'sessions(): adopt takes a store that keeps its sessions: with token: two nodes would adopt a session twice.',
    )
  }
  if (typeof maxAge === 'number' && idleTimeoutMs !== undefined) {
    throw new SessionOptionsError(
      'sessions(): maxAge is the idle timeout, for a cookie that is kept as long: leave out idleTimeoutMs.',
    )
  }
  return options
}
