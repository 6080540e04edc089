/**
 * The store of one request: has the sessions of its cookies, and changes them by compare-and-set in this process. All else it asks
 * of the stubs. A stub is read when a session is opened and again when it is changed, so that an ended session stays ended, and
 * an answer that is late brings back neither an old secret nor an old user.
 */
import type { LRUCache } from 'lru-cache'
import type { CarrierEvent, CarrierOptions } from '../../carrier.ts'
import type { SessionKey, SessionRecord, SessionStore, WriteResult } from '../../contract.ts'
import { isAuxiliary } from '../../secrets/id.ts'
import { SessionConflictError, StoreUnavailableError } from '../../errors.ts'
import { type Body, decodeBody, encodeBody } from '../../record/record.ts'
import { NOTE_EVERY_MS, type StubStore, TRIES_MAX } from './stub-store.ts'
import { changesStub, ENDED, type LiveStub, type StoredStub, withSecretsOf } from './stubs.ts'

export interface TokenRules {
  /** What becomes of a copy of the cookie from before a later change. */
  readonly rollback: 'accept' | 'detect'
  /** What becomes of a session while it can't be known whether it was ended. */
  readonly revocationsOutage: 'refuse' | 'accept'
}

/** A session of a request. */
export interface OwnSession {
  record: SessionRecord
  /** The request's secret was rotated away: a cookie with it must not replace a newer one. */
  isAlias: boolean
  /** The record as a cookie's value. */
  sealed?: { readonly record: SessionRecord; readonly value: Promise<string> }
}

/** What this process has just made of sessions, for requests that run beside. */
export type RecentSessions = LRUCache<SessionKey, { readonly record: SessionRecord; readonly madeAtMs: number }>

interface KnownStub {
  readonly stub: StoredStub['stub'] | undefined
  readonly stubVersion: number
}

export interface RequestSurroundings extends Pick<CarrierOptions, 'clock' | 'onEvent'> {
  readonly rules: TokenRules
  readonly stubs: StubStore
  readonly recent: RecentSessions
  /** With room for so many bytes more. Throws SessionTooLargeError. */
  readonly assertFits: (record: SessionRecord, bytesMore: number) => void
}

/** A request that was sent before a later version came back may arrive after it. */
const PARALLEL_MS = 10_000
const NO_STUB: KnownStub = { stub: undefined, stubVersion: 0 }
/** The store is out, and sessions are accepted without their stubs. */
const UNREAD: KnownStub = { stub: undefined, stubVersion: 0 }

export function requestStore(
  { rules, stubs, recent, clock, onEvent, assertFits }: RequestSurroundings,
  owned: Map<SessionKey, OwnSession>,
): SessionStore {
  const isAccepting = rules.revocationsOutage === 'accept'
  const isDetecting = rules.rollback === 'detect'
  const beganAtMs = performance.now()

  /** What another request made of the session meanwhile, in this process. */
  const madeBeside = (key: SessionKey, version: number): SessionRecord | undefined => {
    const made = recent.get(key)
    return made !== undefined && made.madeAtMs > beganAtMs && made.record.version > version ? made.record : undefined
  }

  const conflict = (key: SessionKey, current: SessionRecord, isAlias: boolean): WriteResult => {
    owned.set(key, { record: current, isAlias })
    return { status: 'conflict', current }
  }

  const refusalOf = (stub: StoredStub['stub'], { version }: SessionRecord): CarrierEvent | undefined => {
    if (stub === ENDED) return { event: 'cookie-refused', reason: 'ended' }
    const isOlder = isDetecting && stub.version > version && clock.now() >= stub.versionAtMs + PARALLEL_MS
    return isOlder ? { event: 'cookie-older' } : undefined
  }

  const readStub = async (key: SessionKey): Promise<KnownStub> => {
    try {
      return (await stubs.readStub(key)) ?? NO_STUB
    } catch (error) {
      return unread(error)
    }
  }

  const unread = (error: unknown): KnownStub => {
    if (isAccepting && error instanceof StoreUnavailableError) return UNREAD
    throw error
  }

  return {
    ...stubs,

    async read(key) {
      const own = owned.get(key)
      if (own === undefined) return await stubs.read(key).catch((error: unknown) => void unread(error))
      const { stub } = await readStub(key)
      const refusal = stub && refusalOf(stub, own.record)
      if (refusal !== undefined) {
        onEvent(refusal)
        owned.delete(key)
        return undefined
      }
      const rebased = rebasedOn(stub, own.record)
      if (rebased !== undefined) owned.set(key, { record: rebased, isAlias: true })
      return rebased ?? own.record
    },

    async write(key, write): Promise<WriteResult> {
      const own = owned.get(key)
      const { expectedVersion, expiresAtMs, body } = write
      if (isAuxiliary(key) || (own === undefined && expectedVersion > 0)) return await stubs.write(key, write)
      const current = own?.record
      const next = { version: expectedVersion + 1, expiresAtMs, body }
      const before = current && decodeBody(current.body)
      const after = decodeBody(body)
      assertFits(next, confirmationBytes(after))
      const rotates = before?.secretDigest !== after.secretDigest

      for (let tries = 1; tries <= TRIES_MAX; tries++) {
        const known = await readStub(key)
        const { stub, stubVersion } = known
        if (stub === ENDED) {
          owned.delete(key)
          return { status: 'gone' }
        }
        if (current !== undefined && current.version !== expectedVersion) return { status: 'conflict', current }
        const beside = madeBeside(key, expectedVersion)
        if (beside !== undefined) return conflict(key, beside, false)
        const rebased = current && rebasedOn(stub, current)
        if (rebased !== undefined) return conflict(key, rebased, true)
        if (isDetecting && current !== undefined && stub !== undefined && stub.version !== current.version)
          throw new SessionConflictError(tries, undefined, undefined)

        const isNews = known === UNREAD ? rotates : changesStub(stub, before, after) || isNoteDue(stub, expiresAtMs)
        if (isNews || isDetecting) {
          const changed = { version: next.version, versionAtMs: clock.now(), expiresAtMs, body: after }
          const written = await stubs.writeStub(key, stubVersion, changed)
          if (written.status !== 'written') continue
          const faster = madeBeside(key, expectedVersion)
          if (faster !== undefined) return conflict(key, faster, false)
        }
        owned.set(key, { record: next, isAlias: own?.isAlias === true && !rotates })
        recent.set(key, { record: next, madeAtMs: performance.now() })
        return { status: 'written', version: next.version }
      }
      throw new StoreUnavailableError(stubs.name, new Error("other nodes kept changing the session's stub"))
    },

    async touch(key, expiresAtMs) {
      const own = owned.get(key)
      if (own === undefined) return await stubs.touch(key, expiresAtMs)
      const { stub, stubVersion } = await readStub(key)
      const { record, isAlias } = own
      if (record.expiresAtMs <= clock.now() || (stub !== undefined && refusalOf(stub, record))) return false
      // Another request's answer has a newer cookie, which this one's must not replace.
      const isOlder = isDetecting && stub !== undefined && stub !== ENDED && stub.version > record.version
      if (isOlder || isAlias || rebasedOn(stub, record) || madeBeside(key, record.version)) return false
      if (stub !== undefined && stub !== ENDED && isNoteDue(stub, expiresAtMs))
        await stubs.writeStub(key, stubVersion, { ...stub, expiresAtMs })
      own.record = { ...record, expiresAtMs: Math.max(expiresAtMs, record.expiresAtMs) }
      return true
    },

    async destroy(key, options) {
      owned.delete(key)
      return await stubs.destroy(key, options)
    },
  }
}

/** A session never outlives its stub's instant by more: by that, a user's list tells whether it is alive. */
function isNoteDue(stub: LiveStub | undefined, expiresAtMs: number): boolean {
  return stub !== undefined && expiresAtMs >= stub.expiresAtMs + NOTE_EVERY_MS
}

/**
 * What the first use of a rotated secret adds: an instant of thirteen digits in the place of each 0, and perhaps a digit of the version.
 * If that did not fit, the old secret would go on.
 */
function confirmationBytes({ retired }: Body): number {
  const waiting = retired.filter(({ graceUntilMs }) => graceUntilMs === undefined).length
  return waiting === 0 ? 0 : 12 * waiting + 1
}

/** The session under the stub's secrets; undefined where it has them. */
function rebasedOn(stub: LiveStub | typeof ENDED | undefined, record: SessionRecord): SessionRecord | undefined {
  if (stub === undefined || stub === ENDED) return undefined
  const body = decodeBody(record.body)
  if (body.secretDigest === stub.body.secretDigest) return undefined
  return { ...record, body: encodeBody(withSecretsOf(stub, body)) }
}
