/**
 * The engine between a web framework and a store: opens the session that a cookie names, and commits what a request made
 * of it as one compare-and-set.
 *
 *     open      one read; the cookie's secret is checked against the hash in the record
 *     commit    nothing if nothing changed (or a touch, when the expiry is due to move), else one write; when another
 *               request was faster, its record comes back with the refusal, is merged field by field, and tried again
 *     update    the same write, with a function that is run again on what is there now
 *     rotate    the next write carries another secret; the old one keeps working for a short grace
 *     destroy   a fence stays behind, as long as the longest request, so that a slow one can't bring the session back
 *
 * Rejected: locking a session for the length of a request. It serialises a user's tabs, needs leases and their expiry,
 * and a node that dies holding one blocks the user until then.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, systemClock } from '../clock.ts'
import type { SessionKey, SessionStore } from '../contract.ts'
import type { SessionData } from '../record/data.ts'
import { newSessionId, type RandomBytes, type SessionId, secretDigest, sessionKey } from '../secrets/id.ts'
import { lastKnown, type LastKnownLimits } from '../context/last-known.ts'
import type { Resolvers } from '../record/merge.ts'
import { checkedOptions, type Rules, take } from '../options.ts'
import { decodeBody } from '../record/record.ts'
import { standing } from '../record/bearer-status.ts'
import { OpenSession } from './session.ts'
import { sessionStoreRule } from '../store-option.ts'
import type { Snapshot } from './successor.ts'
import { turns, type Turns } from '../context/turns.ts'
import { indexKey, membership } from '../users/user-index.ts'
import { type VisitorPolicy, visitorPolicyRule, visitorIdleMs, type Visitors, visitors } from '../context/visitors.ts'

/**
 * The instants of a session's request at which something may watch, or a process may be made to die. Whatever changes what
 * the store has of a session is a commit: a write, a touch that moves its expiry, and its end.
 */
export type EngineStep = 'before-read' | 'before-commit' | 'after-commit'

export interface EngineEvent {
  /**
   * `theft`: an id that was rotated away came back after its grace, which is what a stolen cookie looks like.
   * `merged`: a commit met another's and was merged. `touch-failed`: the expiry could not be moved, `index-failed`: the
   * list of the user's sessions could not be changed; the request went on, and a later one makes up for it.
   * `answer-failed`: what a request with an idempotency key did or was answered could not be noted; its repeat runs again.
   * `key-forgotten`: a key was forgotten before its time, because the session has more than `idempotencyKeysMax`.
   * `visitor-refused`: an address began too many sessions without a user.
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
    | 'unreadable'
}

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
  /** Whose session it is, from its data; a change of that rotates the id. Default: the field `user`, if it is a text. */
  readonly userOf?: (data: SessionData) => string | undefined
  /** What is different for sessions that have no user: when they end, how many may begin, which are stored. */
  readonly visitors?: VisitorPolicy
  /** What becomes of a field that two requests changed at once, by its name. Default: the later writer's value stays. */
  readonly resolvers?: Resolvers
  /** The most that a session's data may take as JSON. Default 256 KiB. */
  readonly dataBytesMax?: number
  /** The longest that a request may take; a destroyed session stays fenced for this long. Default 2 minutes. */
  readonly requestTimeMaxMs?: number
  /** How many sessions one user may have at once; with one more, the oldest ends. Default 100. */
  readonly sessionsPerUserMax?: number
  /** How often a commit may be tried when others keep changing the session. Default 32. */
  readonly commitAttemptsMax?: number
  /** How long a commit that met others may go on, its wait for them included; then it is refused. Default 5 seconds. */
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
}

export interface Engine extends Required<Omit<EngineOptions, 'visitors'>> {
  readonly visitors: Visitors
  readonly visitorIdleTimeoutMs: number
  /** For requests that met each other at changing one session. */
  readonly turns: Turns
  /** Resolves undefined when there is no such session for the bearer of this id; why is not for the bearer to know. */
  open(id: SessionId, device?: string): Promise<OpenSession | undefined>
  /** The session as this process last saw it, for the bearer of this id, and only to be looked at. */
  openLastKnown(id: SessionId): OpenSession | undefined
  /** A session that no store knows until its first commit. `address` is the client's, where new visitors are to be counted. */
  create(device?: string, address?: string): OpenSession
  /** This process has written it: that is what it last saw. */
  note(key: SessionKey, seen: Snapshot): void
  /** The session is over: destroyed, and fenced against the requests that still hold it. */
  end(key: SessionKey): Promise<void>
  /** Waits before another try of a commit: longer and more random with each. */
  backOff(attempt: number): Promise<void>
}

/** Runs `decode`, and tells of its failure once for each key. */
export type Reporting = <T>(key: SessionKey, decode: () => T) => T

/** How many damaged records are told apart before one may be reported again. */
const UNREADABLE_REPORTED_MAX = 1_000
const BACK_OFF_UNIT_MS = 2
const BACK_OFF_MAX_MS = 100

const DEFAULTS: Required<Omit<EngineOptions, 'store'>> = {
  clock: systemClock,
  random: randomBytes,
  idleTimeoutMs: 30 * 60_000,
  absoluteTimeoutMs: 24 * 60 * 60_000,
  rotationGraceMs: 5_000,
  onTheft: 'end',
  userOf: fieldUser,
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
  commitTimeMaxMs: take.durationMs(1),
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
}

export function sessionEngine(given: EngineOptions): Engine {
  const options = { ...DEFAULTS, ...checkedOptions('sessionEngine()', given, engineRules) }
  const known = lastKnown(options.lastKnown)
  const reportUnreadable = once(UNREADABLE_REPORTED_MAX, () => engine.onEvent({ event: 'unreadable' }))
  const engine: Engine = {
    ...options,
    visitors: visitors(options.visitors, () => engine.onEvent({ event: 'visitor-refused' })),
    visitorIdleTimeoutMs: visitorIdleMs(options.visitors, options.idleTimeoutMs),
    turns: turns(options.commitTimeMaxMs),

    async open(id, device = '') {
      engine.onStep('before-read')
      const key = sessionKey(id.handle)
      // Asked in one breath: a store that pipelines answers both in one round trip.
      const [record, early] = await Promise.all([
        engine.store.read(key),
        id.user && engine.store.read(indexKey(id.user)),
      ])
      const nowMs = engine.clock.now()
      if (record === undefined || record.expiresAtMs <= nowMs) {
        known.forget(key)
        return undefined
      }
      const body = reportUnreadable(key, () => decodeBody(record.body))
      const bearer = standing(body, secretDigest(id.secret), nowMs, engine.requestTimeMaxMs)
      if (bearer === 'stolen') {
        engine.onEvent({ event: 'theft' })
        if (engine.onTheft === 'end') await engine.end(key)
      }
      if (bearer === 'stolen' || bearer === 'unknown') return undefined
      const index = body.user === id.user ? early : body.user && (await engine.store.read(indexKey(body.user)))
      const { isCurrent, isListed } = membership(index || undefined, key, body, reportUnreadable)
      if (!isCurrent) {
        known.forget(key)
        return undefined
      }
      const seen = { version: record.version, expiresAtMs: record.expiresAtMs, body }
      if (bearer === 'current') known.see(key, seen, nowMs)
      return new OpenSession(engine, { id, key, device, seen, standing: bearer, listed: isListed })
    },

    openLastKnown(id) {
      const key = sessionKey(id.handle)
      const seen = known.recall(key, engine.clock.now())
      const bearer = seen && standing(seen.body, secretDigest(id.secret), engine.clock.now(), engine.requestTimeMaxMs)
      return seen !== undefined && bearer === 'current'
        ? new OpenSession(engine, { id, key, device: '', seen })
        : undefined
    },

    note: (key, seen) => known.see(key, seen, engine.clock.now()),

    end(key) {
      known.forget(key)
      return destroy(engine, key)
    },

    create(device = '', address) {
      const id = newSessionId(engine.random)
      return new OpenSession(engine, { id, key: sessionKey(id.handle), device, address })
    },

    backOff: (attempt) => backOff(attempt, engine.random),
  }
  return engine
}

async function backOff(attempt: number, random: RandomBytes): Promise<void> {
  // The first retry goes at once: whoever won has finished, and most conflicts are between two.
  if (attempt === 1) return
  const limitMs = Math.min(BACK_OFF_MAX_MS, BACK_OFF_UNIT_MS * 2 ** attempt)
  await sleep((limitMs * random(4).readUInt32BE()) / 2 ** 32)
}

async function destroy({ store, clock, requestTimeMaxMs, onStep }: Engine, key: SessionKey): Promise<void> {
  onStep('before-commit')
  await store.destroy(key, { fenceUntilMs: clock.now() + requestTimeMaxMs })
  onStep('after-commit')
}

function fieldUser(data: SessionData): string | undefined {
  const user = data['user']
  return typeof user === 'string' ? user : undefined
}

function once(keysMax: number, tell: () => void): Reporting {
  const told = new Set<SessionKey>()
  return (key, decode) => {
    try {
      return decode()
    } catch (error) {
      if (!told.has(key)) tell()
      if (told.size >= keysMax) told.clear()
      told.add(key)
      throw error
    }
  }
}
