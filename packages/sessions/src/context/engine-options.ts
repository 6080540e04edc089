/** An engine's options, their defaults, and its events. */
import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../clock.ts'
import type { CarrierEvent } from '../carrier.ts'
import type { SessionStore } from '../contract.ts'
import type { LastKnownLimits } from './last-known.ts'
import { checkedOptions, type Rules, SessionOptionsError, take } from '../options.ts'
import type { SessionData } from '../record/data.ts'
import { type SessionTracing, tracingRule } from '../observability/observers.ts'
import type { Resolvers } from '../record/merge.ts'
import type { RandomBytes } from '../secrets/id.ts'
import type { MaxAge } from '../session-fields.ts'
import { sessionStoreRule } from '../store-option.ts'
import { type VisitorPolicy, visitorPolicyRule } from './visitors.ts'

/**
 * The steps of a request that `onStep` reports, for tests and for crash points. A commit is any change of the stored session: a write,
 * a touch that moves its expiry, and its end.
 */
export type EngineStep = 'before-read' | 'before-commit' | 'after-commit'

export interface SessionEvent {
  /**
   * `theft`: an id that was rotated away came back after its grace, as a stolen cookie does.
   * `merged`: a commit had a conflict and was merged. `touch-failed`: the expiry could not be moved, `index-failed`: the
   * list of the user's sessions could not be changed; the request went on, and a later one repairs that.
   * `answer-failed`: the answer of a request with an idempotency key could not be stored; its repeat runs again.
   * `key-forgotten`: a key was forgotten before its time, because the session has more than `idempotencyKeysMax`.
   * `visitor-refused`: an address began too many sessions without a user.
   * `single-taken-over`: the node that ran a `single()` of a session gave no sign of life, and another one runs it.
   * `adopted`: a session of other software became one of ours, see `adopt` of the adapter.
   * `unreadable`: a stored record is damaged or of a newer schema; it is left alone, and reported once.
   */
  readonly event:
    | 'theft'
    | 'merged'
    | 'touch-failed'
    | 'index-failed'
    | 'answer-failed'
    | 'key-forgotten'
    | 'visitor-refused'
    | 'single-taken-over'
    | 'adopted'
    | 'unreadable'
}

export type EngineEvent = SessionEvent | CarrierEvent

export interface EngineOptions {
  readonly store: SessionStore
  readonly clock?: Clock
  readonly random?: RandomBytes
  /** A session unused for this long has ended. Default 30 minutes. */
  readonly idleTimeoutMs?: number
  /** A session this old has ended, however much it is used. Default 24 hours. */
  readonly absoluteTimeoutMs?: number
  /** How long an id that was rotated away still works once its successor has been used. Default 5 seconds. */
  readonly rotationGraceMs?: number
  /** What to do when it is used after that: end the session, or only report it. Default `end`. */
  readonly onTheft?: 'end' | 'report'
  /**
   * The session's user, from its data: a text, or undefined for a visitor's. A change of the user rotates the id. Default: the field
   * `user`, if it is a text.
   */
  readonly userOf?: (data: SessionData) => string | undefined
  /** Options for sessions without a user: when they end, how many may begin, which are stored. */
  readonly visitors?: VisitorPolicy
  /** Resolves a field that two requests changed concurrently, by its name. Default: the later writer's value stays. */
  readonly resolvers?: Resolvers
  /** The most that a session's data may take as JSON. Default 256 KiB. */
  readonly dataBytesMax?: number
  /** The longest that a request may take; a destroyed session stays fenced for this long. Default 2 minutes. */
  readonly requestTimeMaxMs?: number
  /** How many sessions one user may have at once; with one more, the oldest ends. Default 100. */
  readonly sessionsPerUserMax?: number
  /** The attempts of a commit when there are conflicts. Default 32. */
  readonly commitAttemptsMax?: number
  /** How long a commit with conflicts may take, its wait in the queue included; then it is refused. Default 5 seconds. */
  readonly commitTimeMaxMs?: number
  /** For how long a session remembers a client's idempotency key. Default 24 hours. */
  readonly idempotencyWindowMs?: number
  /** The most bytes that a session spends on remembering keyed requests; the oldest answers go first. Default 16 KiB. */
  readonly idempotencyBytesMax?: number
  /** With one more key in a session, the oldest is forgotten before its time. Default 1,000. */
  readonly idempotencyKeysMax?: number
  /** For routes that may be answered from the last known copy while the store is down; see `outage` of the adapter. */
  readonly lastKnown?: LastKnownLimits
  readonly onStep?: (step: EngineStep) => void
  readonly onEvent?: (event: EngineEvent) => void
  /** Spans of calls to the store: what `sessionTracing()` of `@ninelives/sessions/tracing` makes. Default: none. */
  readonly tracing?: SessionTracing
}

export type CheckedEngineOptions = Required<Omit<EngineOptions, 'tracing'>> & Pick<EngineOptions, 'tracing'>

const DEFAULTS: Omit<CheckedEngineOptions, 'store' | 'userOf'> = {
  clock: systemClock,
  random: randomBytes,
  idleTimeoutMs: 30 * 60_000,
  absoluteTimeoutMs: 24 * 60 * 60_000,
  rotationGraceMs: 5_000,
  onTheft: 'end',
  visitors: {},
  resolvers: {},
  dataBytesMax: 256 * 1024,
  requestTimeMaxMs: 120_000,
  sessionsPerUserMax: 100,
  commitAttemptsMax: 32,
  commitTimeMaxMs: 5_000,
  idempotencyWindowMs: 24 * 60 * 60_000,
  idempotencyBytesMax: 16 * 1024,
  idempotencyKeysMax: 1_000,
  lastKnown: { sessionsMax: 0, dataLengthMax: 0, ageMaxMs: 0 },
  onStep: () => {},
  onEvent: () => {},
}

/** What each option takes. */
export const engineRules: Rules<EngineOptions> = {
  store: sessionStoreRule,
  clock: take.having('an object with now()', 'now'),
  random: take.function,
  idleTimeoutMs: take.durationMs(1),
  absoluteTimeoutMs: take.durationMs(1),
  rotationGraceMs: take.durationMs(0),
  onTheft: take.oneOf('end', 'report'),
  userOf: take.function,
  visitors: visitorPolicyRule,
  resolvers: take.recordOf(take.function),
  dataBytesMax: take.wholeNumber(2),
  requestTimeMaxMs: take.durationMs(1),
  sessionsPerUserMax: take.wholeNumber(1),
  commitAttemptsMax: take.wholeNumber(1),
  commitTimeMaxMs: take.waitMs(1),
  idempotencyWindowMs: take.durationMs(1),
  idempotencyBytesMax: take.wholeNumber(8_192),
  idempotencyKeysMax: take.wholeNumber(1, 100_000),
  lastKnown: take.options<LastKnownLimits>({
    sessionsMax: take.wholeNumber(0),
    dataLengthMax: take.wholeNumber(0),
    ageMaxMs: take.durationMs(0),
  }),
  onStep: take.function,
  onEvent: take.function,
  tracing: tracingRule,
}

/** Those of an adapter's options that are the engine's. A `maxAge` in milliseconds is the idle timeout. */
export function engineOptionsIn(
  options: Partial<EngineOptions> & { readonly maxAge?: MaxAge },
): Partial<EngineOptions> {
  const { maxAge } = options
  const own = Object.entries(options).filter(([name]) => Object.hasOwn(engineRules, name))
  return {
    ...(Object.fromEntries(own) as Partial<EngineOptions>),
    ...(typeof maxAge === 'number' && { idleTimeoutMs: maxAge }),
  }
}

/** Throws SessionOptionsError for what can't be used. */
export function checkedEngineOptions(given: EngineOptions): CheckedEngineOptions {
  const { userOf = fieldUser(), ...options } = checkedOptions('sessionEngine()', given, engineRules)
  return { ...DEFAULTS, ...options, userOf: (data) => checkedUser(userOf(data)) }
}

/** An application in JavaScript may give anything. An empty name would make one user of all sessions that have it. */
function checkedUser(user: unknown): string | undefined {
  if (user === undefined || user === null || user === '') return undefined
  if (typeof user === 'string') return user
  throw new SessionOptionsError(
    `userOf returns the user's name as a text, or undefined, not a value of type ${typeof user}.`,
  )
}

/** Warns once, because a login would go unnoticed. */
function fieldUser(): (data: SessionData) => string | undefined {
  let hasWarned = false
  return ({ user }) => {
    if (typeof user === 'string') return user
    const isNone = user === undefined || user === null || user === false
    if (!isNone && !hasWarned) {
      hasWarned = true
      process.emitWarning(
        "a session's field 'user' is no text: the session counts as a visitor's, and a login does not change its id. Set the option userOf.",
        { code: 'NINELIVES_USER_NOT_TEXT' },
      )
    }
    return undefined
  }
}
