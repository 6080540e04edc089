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
import { type EngineContext, engineContext, overridden, type Overrides } from '../context/engine-context.ts'
import type { EngineOptions } from '../context/engine-options.ts'
import type { SessionKey, SessionRecord } from '../contract.ts'
import { bearerStatus } from '../record/bearer-status.ts'
import { decodeBody, type Snapshot } from '../record/record.ts'
import {
  newSessionId,
  sameDigest,
  secretDigest,
  type SessionId,
  sessionKey,
  sessionRef,
  type UserTag,
} from '../secrets/id.ts'
import { indexKey, membership, type Reporting } from '../users/user-index.ts'
import { OpenSession } from './session.ts'

export interface Engine extends EngineContext {
  /** Undefined if this id opens no session, whatever the reason. */
  open(id: SessionId, device?: string): Promise<OpenSession | undefined>
  /**
   * The session of an id that was opened before, for what outlives a request: undefined if it has ended or is not this user's any more. A
   * rotation since does not matter.
   */
  reopen(id: SessionId, user: UserTag | undefined, device?: string): Promise<OpenSession | undefined>
  /**
   * A logout found no session under this id. A node may have died after it ended the session and before it told the others: so that the
   * logout, when it comes again, closes the session's sockets before it is acknowledged.
   */
  readonly tellEndedBefore: (id: SessionId) => Promise<void>
  /** The last known copy for the bearer of this id, read-only. */
  openLastKnown(id: SessionId): OpenSession | undefined
  /** A new session, which is stored with its first commit. `address` is the client's, if new visitors are counted. */
  create(device?: string, address?: string): OpenSession
  /** The same engine with other options, for example another store. Both share turns, last known copies and visitors. */
  over(overrides: Overrides): Engine
}

interface Found {
  readonly key: SessionKey
  readonly seen: Snapshot
  readonly index: SessionRecord | undefined
}

/** How many damaged records are remembered as reported. */
const UNREADABLE_REPORTED_MAX = 1_000

/** Throws SessionOptionsError for options that can't be used. */
export function sessionEngine(options: EngineOptions): Engine {
  const context = engineContext(options)
  return engineOver(
    context,
    reportOnce(UNREADABLE_REPORTED_MAX, () => context.onEvent({ event: 'unreadable' })),
  )
}

function engineOver(context: EngineContext, reportUnreadable: Reporting): Engine {
  const { store, clock, random, lastKnown, requestTimeMaxMs, counts, tracing, onStep, onEvent } = context

  /** What is stored under an id, and beside it the index of the user that the id names. */
  const find = async (id: SessionId): Promise<Found | undefined> => {
    onStep('before-read')
    const key = sessionKey(id.handle)
    // Both reads start together: a store that pipelines answers them in one round trip.
    const [record, index] = await Promise.all([store.read(key), id.user && store.read(indexKey(id.user))])
    if (record === undefined || record.expiresAtMs <= clock.now()) {
      lastKnown.forget(key)
      return undefined
    }
    const body = reportUnreadable(key, () => decodeBody(record.body))
    const seen = { version: record.version, expiresAtMs: record.expiresAtMs, body }
    return { key, seen, index: index || undefined }
  }

  /** Undefined if it has ended with all sessions of its user; else whether their list has it. */
  const listing = async ({ key, seen, index }: Found, indexOf: UserTag | undefined): Promise<boolean | undefined> => {
    const { user } = seen.body
    const record = user === indexOf ? index : user && (await store.read(indexKey(user)))
    const { isCurrent, isListed } = membership(record || undefined, key, seen.body, reportUnreadable)
    if (isCurrent) return isListed
    lastKnown.forget(key)
    return undefined
  }

  return {
    ...context,

    over: (overrides) => engineOver(overridden(context, overrides), reportUnreadable),

    async open(id, device = '') {
      const found = await find(id)
      if (found === undefined) return undefined
      const { key, seen } = found
      const nowMs = clock.now()
      const status = bearerStatus(seen.body, secretDigest(id.secret), nowMs, requestTimeMaxMs)
      if (status === 'stolen') {
        counts.thefts++
        onEvent({ event: 'theft' })
        if (context.onTheft === 'end') await context.end(key, 'theft')
      }
      if (status === 'stolen' || status === 'unknown') return undefined
      const listed = await listing(found, id.user)
      if (listed === undefined) return undefined
      if (status === 'current') lastKnown.see(key, seen, nowMs)
      tracing?.session(sessionRef(key))
      return new OpenSession(context, { id, key, device, seen, status, listed })
    },

    async reopen(id, user, device = '') {
      const found = await find(id)
      if (found === undefined || found.seen.body.user !== user) return undefined
      const { key, seen } = found
      const listed = await listing(found, id.user)
      if (listed === undefined) return undefined
      const status = sameDigest(seen.body.secretDigest, secretDigest(id.secret)) ? 'current' : 'alias'
      return new OpenSession(context, { id, key, device, seen, status, listed })
    },

    async tellEndedBefore({ handle }) {
      await context.endings.tellAgain(sessionKey(handle))
    },

    openLastKnown(id) {
      const key = sessionKey(id.handle)
      const nowMs = clock.now()
      const seen = lastKnown.lastSeen(key, nowMs)
      if (seen === undefined) return undefined
      const status = bearerStatus(seen.body, secretDigest(id.secret), nowMs, requestTimeMaxMs)
      return status === 'current' ? new OpenSession(context, { id, key, device: '', seen }) : undefined
    },

    create(device = '', address) {
      const id = newSessionId(random)
      return new OpenSession(context, { id, key: sessionKey(id.handle), device, address })
    },
  }
}

/** Runs `decode`, and reports a failure once for each key. */
function reportOnce(keysMax: number, report: () => void): Reporting {
  const reported = new Set<SessionKey>()
  return (key, decode) => {
    try {
      return decode()
    } catch (error) {
      if (!reported.has(key)) report()
      if (reported.size >= keysMax) reported.clear()
      reported.add(key)
      throw error
    }
  }
}
