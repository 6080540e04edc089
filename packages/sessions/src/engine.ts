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
import type { SessionStore } from './contract.ts'
import { newSessionId, type RandomBytes, type SessionId, secretDigest, sessionKey } from './id.ts'
import { decodeBody } from './record.ts'
import { OpenSession } from './session.ts'
import { standing } from './standing.ts'

/** The instants of a session's request at which something may watch, or a process may be made to die. */
export type EngineStep = 'before-read' | 'before-commit' | 'after-commit'

export interface EngineEvent {
  /**
   * `retired-id`: an id that was rotated away came back after its grace, which is what a stolen cookie looks like.
   * `merged`: a commit met another's and was merged. `touch-failed`: the expiry could not be moved; the request went on.
   */
  readonly event: 'retired-id' | 'merged' | 'touch-failed'
}

export interface EngineOptions {
  readonly store: SessionStore
  readonly clock?: Clock
  readonly random?: RandomBytes
  /** A session unused for this long has ended. Default 30 minutes. */
  readonly idleTimeoutMs?: number
  /** A session this old has ended, however much it is used. Default 24 hours. */
  readonly absoluteTimeoutMs?: number
  /** How long an id still works after it was rotated away. Default 5 seconds. */
  readonly rotationGraceMs?: number
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
    requestTimeMaxMs: 120_000,
    commitAttemptsMax: 16,
    onStep: () => {},
    onEvent: () => {},
    ...options,

    async open(id) {
      engine.onStep('before-read')
      const record = await engine.store.read(sessionKey(id.handle))
      const now = engine.clock.now()
      if (record === undefined || record.expiresAtMs <= now) return undefined
      const body = decodeBody(record.body)
      switch (standing(body, secretDigest(id.secret), now)) {
        case 'current':
        case 'grace':
          return new OpenSession(engine, id, { version: record.version, expiresAtMs: record.expiresAtMs, body })
        case 'retired':
          engine.onEvent({ event: 'retired-id' })
          return undefined
      }
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
