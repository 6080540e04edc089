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
import { type Clock, systemClock } from './clock.ts'
import type { SessionKey, SessionStore } from './contract.ts'
import type { SessionData } from './data.ts'
import { newSessionId, type RandomBytes, type SessionId, secretDigest, sessionKey } from './id.ts'
import type { Resolvers } from './merge.ts'
import { decodeBody } from './record.ts'
import { standing } from './secrets.ts'
import { OpenSession } from './session.ts'

/** The instants of a session's request at which something may watch, or a process may be made to die. */
export type EngineStep = 'before-read' | 'before-commit' | 'after-commit'

export interface EngineEvent {
  /**
   * `theft`: an id that was rotated away came back after its grace, which is what a stolen cookie looks like.
   * `merged`: a commit met another's and was merged. `touch-failed`: the expiry could not be moved; the request went on.
   */
  readonly event: 'theft' | 'merged' | 'touch-failed'
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
  /** What becomes of a field that two requests changed at once, by its name. Default: the later writer's value stays. */
  readonly resolvers?: Resolvers
  /** The most that a session's data may take as JSON. Default 256 KiB. */
  readonly dataBytesMax?: number
  /** The longest that a request may take; a destroyed session stays fenced for this long. Default 2 minutes. */
  readonly requestTimeMaxMs?: number
  /** How often a commit may be tried when others keep changing the session. Default 16. */
  readonly commitAttemptsMax?: number
  readonly onStep?: (step: EngineStep) => void
  readonly onEvent?: (event: EngineEvent) => void
}

export interface Engine extends Required<Omit<EngineOptions, 'onStep' | 'onEvent'>> {
  readonly onStep: (step: EngineStep) => void
  readonly onEvent: (event: EngineEvent) => void
  /** Resolves undefined when there is no such session for the bearer of this id; why is not for the bearer to know. */
  open(id: SessionId): Promise<OpenSession | undefined>
  /** A session that no store knows until its first commit. */
  create(): OpenSession
  /** The session is over: destroyed, and fenced against the requests that still hold it. */
  end(key: SessionKey): Promise<void>
  /** Waits before another try of a commit: longer and more random with each. */
  backOff(attempt: number): Promise<void>
}

const BACK_OFF_UNIT_MS = 2
const BACK_OFF_MAX_MS = 100

export function sessionEngine(options: EngineOptions): Engine {
  const engine: Engine = {
    clock: systemClock,
    random: randomBytes,
    idleTimeoutMs: 30 * 60_000,
    absoluteTimeoutMs: 24 * 60 * 60_000,
    rotationGraceMs: 5_000,
    onTheft: 'end',
    userOf: fieldUser,
    resolvers: {},
    dataBytesMax: 256 * 1024,
    requestTimeMaxMs: 120_000,
    commitAttemptsMax: 16,
    onStep: () => {},
    onEvent: () => {},
    ...options,

    async open(id) {
      engine.onStep('before-read')
      const key = sessionKey(id.handle)
      const record = await engine.store.read(key)
      const nowMs = engine.clock.now()
      if (record === undefined || record.expiresAtMs <= nowMs) return undefined
      const body = decodeBody(record.body)
      const bearer = standing(body, secretDigest(id.secret), nowMs)
      if (bearer === 'retired') {
        engine.onEvent({ event: 'theft' })
        if (engine.onTheft === 'end') await engine.end(key)
        return undefined
      }
      return new OpenSession(engine, id, { version: record.version, expiresAtMs: record.expiresAtMs, body }, bearer)
    },

    async end(key) {
      await engine.store.destroy(key, { fenceUntilMs: engine.clock.now() + engine.requestTimeMaxMs })
    },

    create: () => new OpenSession(engine, newSessionId(engine.random)),

    async backOff(attempt) {
      // The first retry goes at once: whoever won has finished, and most conflicts are between two.
      if (attempt === 1) return
      const limitMs = Math.min(BACK_OFF_MAX_MS, BACK_OFF_UNIT_MS * 2 ** attempt)
      const share = engine.random(4).readUInt32BE() / 2 ** 32
      await sleep(limitMs * share)
    },
  }
  return engine
}

function fieldUser(data: SessionData): string | undefined {
  const user = data['user']
  return typeof user === 'string' ? user : undefined
}
