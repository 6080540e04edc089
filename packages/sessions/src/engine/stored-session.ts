/**
 * A stored session, and the loop that changes it: a compare-and-set, which after a conflict is planned again on the newer version. What
 * the bearer of an id may see and do is decided for each version, because another request's login can revoke that right meanwhile.
 */
import assert from 'node:assert/strict'
import type { EngineContext } from '../context/engine-context.ts'
import type { SessionKey } from '../contract.ts'
import { SessionConflictError, SessionError, SessionGoneError } from '../errors.ts'
import type { Answer } from '../idempotency/answers.ts'
import { hasOld } from '../idempotency/remembered-keys.ts'
import { findRemembered, type KeyedRequest, type KeyedStep } from '../idempotency/steps.ts'
import { type BearerStatus, isUnconfirmed } from '../record/bearer-status.ts'
import { decodeData } from '../record/data.ts'
import { expiry, isNoteDue, isTouchDue, timeoutsOf } from '../record/expiry.ts'
import { decodeBody, encodeBody, type Snapshot } from '../record/record.ts'
import {
  newSecret,
  newSessionId,
  sameDigest,
  secretDigest,
  type SessionId,
  sessionKey,
  sessionRef,
  type UserTag,
} from '../secrets/id.ts'
import { isRelisted, readIndex } from '../users/users.ts'
import { Contention } from './contention.ts'
import type { NextSnapshot } from './next-snapshot.ts'
import { NextWrite } from './next-write.ts'
import { type Answering, type OwnEntry, planWrite, type Upkeep } from './plan-write.ts'
import { textOf, type Transform, unchanged } from './transform.ts'

/** What a request begins with. */
export interface Opened {
  readonly id: SessionId
  /** Where it is stored: the hash of its handle. */
  readonly key: SessionKey
  /** The client's user agent. */
  readonly device: string
  /** Of the client that begins it, where visitors are counted. */
  readonly address?: string | undefined
  /** Undefined for a session that is not stored yet. */
  readonly seen?: Snapshot
  readonly status?: BearerStatus
  /** False if it is missing in the list of its user's sessions. */
  readonly listed?: boolean
}

interface WriteDetails<T> {
  readonly step?: KeyedStep | undefined
  readonly answering?: Answering<T> | undefined
  readonly upkeep?: Upkeep | undefined
}

export class StoredSession {
  readonly nextWrite = new NextWrite()
  #key: SessionKey
  readonly #context: EngineContext
  readonly #device: string
  readonly #address: string | undefined
  #id: SessionId
  #seen: Snapshot | undefined
  #status: BearerStatus
  #hasRotated = false
  /** This request made the secret: it has not come back from the client. */
  #isSecretNew = false
  #ended = false
  /** The answer to an earlier copy of this request, once a write has found it. From then on its writes change nothing. */
  answeredBefore: Answer | undefined
  /** What this request stored as its answer. */
  answerStored: Answer | undefined
  #ownEntry: OwnEntry | undefined
  #listed: boolean
  /** The user whose session the bearer was given access to. */
  #user: UserTag | undefined

  constructor(context: EngineContext, { id, key, device, address, seen, status = 'current', listed = true }: Opened) {
    this.#key = key
    this.#context = context
    this.#device = device
    this.#address = address
    this.#id = id
    this.#seen = seen
    this.#status = status
    this.#listed = listed
    this.#user = seen?.body.user
  }

  get key(): SessionKey {
    return this.#key
  }

  get id(): SessionId {
    return this.#id
  }

  /** What the bearer may see; undefined if nothing is stored, or nothing for this bearer. */
  get visible(): Snapshot | undefined {
    return this.#status === 'superseded' ? undefined : this.#seen
  }

  get isStored(): boolean {
    return this.#seen !== undefined
  }

  get hasToWrite(): boolean {
    return this.nextWrite.isDue(this.#seen)
  }

  /** What another request of the same bearer begins with, without a read. */
  get opened(): Opened {
    const seen = this.#seen === undefined ? {} : { seen: this.#seen }
    return { id: this.#id, key: this.#key, device: this.#device, ...seen, status: this.#status, listed: this.#listed }
  }

  rotate(): void {
    if (this.#status === 'superseded') this.#beginAnew()
    this.nextWrite.rotates = this.#seen !== undefined
  }

  /** The answer to an earlier copy of this request, if its bearer may have it. */
  findAnswer(request: KeyedRequest): Answer | undefined {
    return findRemembered(this.visible, request, this.#context.clock.now())?.answer
  }

  /** Whether anything is remembered of this request. */
  remembers({ keyDigest }: KeyedRequest): boolean {
    return this.visible?.body.answersText?.includes(keyDigest) === true
  }

  async end(): Promise<void> {
    this.#ended = true
    const { visible } = this
    if (visible === undefined) return
    await this.#context.end(this.key, 'logout')
    await this.#relist(visible.body.user, undefined)
  }

  /** Commits what `transform` makes of the data. Resolves its result. */
  async write<T>(transform: Transform<T>, { step, answering, upkeep }: WriteDetails<T> = {}): Promise<T> {
    if (this.#ended) throw new SessionGoneError()
    const { store, clock, random, visitors, commitAttemptsMax, endings, counts, onStep, onEvent } = this.#context
    const key = this.#key
    const contention = new Contention(this.#context, key)
    let drawn: string | undefined
    /** The same for every try. */
    const nextSecret = (): string => (drawn ??= newSecret(random))
    let current = this.#seen
    let attempt = 1
    try {
      while (attempt <= commitAttemptsMax) {
        const wants = this.nextWrite.copy()
        const request = {
          wants,
          status: this.#status,
          hasRotated: this.#hasRotated,
          isSecretNew: this.#isSecretNew,
          ownEntry: this.#ownEntry,
        }
        const intent = { transform, step, answering, upkeep, ...request, secret: this.#id.secret, nextSecret }
        const plan = planWrite(current, intent, this.#context, clock.now())
        if (plan.kind === 'another-session') {
          current = this.#beginAnew()
          continue
        }
        if (plan.isReadmitted) {
          this.#readmit(current)
          wants.rotates = true
        }
        if (plan.kind === 'nothing') {
          this.#seen = current
          if (plan.answer !== undefined) this.answeredBefore = plan.answer
          return plan.result
        }

        const next = plan.newUser === undefined ? plan.next : await this.#inEpochOf(plan.newUser, plan.next)
        const isVisitor = next.body.user === undefined
        if (isVisitor && current === undefined) visitors.begin(this.#address, clock.now())
        onStep('before-commit')
        const written = await store.write(this.#key, {
          expectedVersion: current?.version ?? 0,
          expiresAtMs: next.expiresAtMs,
          body: encodeBody(next.body),
          givesWay: isVisitor && !visitors.areAsUsers,
        })
        if (written.status === 'gone') throw new SessionGoneError()
        if (written.status === 'written') {
          onStep('after-commit')
          if (current === undefined) this.#countCreation()
          if (attempt > 1) counts.merges++
          if (plan.keysForgotten > 0) onEvent({ event: 'key-forgotten' })
          if (current !== undefined && current.body.user !== next.body.user) await endings.onEnded?.(key)
          if (plan.answer !== undefined) this.answerStored = plan.answer
          const ownEntry = plan.ownEntry ?? this.#ownEntry?.entry
          if (ownEntry !== undefined) this.#ownEntry = { entry: ownEntry, user: next.body.user }
          this.#accept({ ...next, version: written.version }, next.rotated ? nextSecret() : this.#id.secret, wants)
          await this.#relist(this.#listed ? current?.body.user : undefined, next.body.user)
          return plan.result
        }

        const { version, expiresAtMs, body } = written.current
        const there: Snapshot = { version, expiresAtMs, body: decodeBody(body) }
        if (current === undefined) {
          current = await this.#createdBefore(there)
          continue
        }
        current = this.#rebaseOn(there)
        counts.conflicts++
        onEvent({ event: 'merged' })
        const left = await contention.wait(attempt)
        if (left !== undefined && left.version > current.version) current = this.#rebaseOn(left)
        attempt++
      }
    } finally {
      // A login may have replaced it by another session meanwhile.
      contention.end(this.#key === key ? this.#seen : undefined)
    }
    // What another user's login has left there is not for this request.
    const theirs = this.#status === 'superseded' ? undefined : decodeData(textOf(current))
    throw new SessionConflictError(commitAttemptsMax, transform(textOf(this.#seen)).data, theirs)
  }

  /** Extends the expiry of a session that was only read. The request goes on if that fails. */
  async keepAlive(): Promise<void> {
    const seen = this.visible
    if (seen === undefined || this.#ended) return
    const { store, clock, counts, onEvent, onStep } = this.#context
    if (!this.#listed) await this.#relist(undefined, seen.body.user)
    try {
      if (isNoteDue(seen, this.#context, clock.now())) return await this.write(unchanged, { upkeep: 'note-use' })
      if (this.#status === 'current' && !this.#isSecretNew && isUnconfirmed(seen.body))
        return await this.write(unchanged)
      if (!isTouchDue(seen, this.#context, clock.now())) return
      if (hasOld(seen.body.answersText, clock.now())) return await this.write(unchanged, { upkeep: 'forget-keys' })
      const expiresAtMs = expiry(seen.body.createdAtMs, timeoutsOf(seen.body, this.#context), clock.now())
      onStep('before-commit')
      const isTouched = await store.touch(this.key, expiresAtMs)
      onStep('after-commit')
      if (!isTouched) return
      this.#seen = { ...seen, expiresAtMs }
      counts.touches++
    } catch (error) {
      if (!(error instanceof SessionError)) throw error
      onEvent({ event: 'touch-failed' })
    }
  }

  /** From here on this is a new session with a new handle, not stored yet. */
  #beginAnew(): undefined {
    this.#id = newSessionId(this.#context.random)
    this.#key = sessionKey(this.#id.handle)
    this.#seen = undefined
    this.#status = 'current'
    this.#user = undefined
    this.#ownEntry = undefined
    this.#listed = true
  }

  #readmit(current: Snapshot | undefined): void {
    this.#status = 'alias'
    this.#user = current?.body.user
    this.nextWrite.rotates = true
  }

  #accept(seen: Snapshot, secret: string, wants: NextWrite): void {
    const { lastKnown, clock } = this.#context
    this.#seen = seen
    this.#user = seen.body.user
    this.#hasRotated ||= wants.rotates
    this.nextWrite.done(wants)
    lastKnown.see(this.#key, seen, clock.now())
    if (secret !== this.#id.secret) {
      this.#status = 'current'
      this.#isSecretNew = true
    }
    this.#id = { handle: this.#id.handle, secret, user: seen.body.user }
  }

  /** Adopts what another request wrote. If that changed the user, this request may not see the session any more. */
  #rebaseOn(written: Snapshot): Snapshot {
    const isCurrent = sameDigest(written.body.secretDigest, secretDigest(this.#id.secret))
    if (written.body.user !== this.#user) this.#status = 'superseded'
    else this.#status = isCurrent ? 'current' : 'alias'
    return written
  }

  /** An earlier write of this request created the session, and the store's answer was lost. */
  async #createdBefore(there: Snapshot): Promise<Snapshot> {
    assert(
      sameDigest(there.body.secretDigest, secretDigest(this.#id.secret)),
      'two sessions can not have drawn the same 128-bit handle',
    )
    this.#countCreation()
    this.#user = there.body.user
    this.#listed = false
    await this.#relist(undefined, there.body.user)
    return this.#rebaseOn(there)
  }

  #countCreation(): void {
    const { counts, tracing } = this.#context
    counts.created++
    tracing?.session(sessionRef(this.#key))
  }

  async #inEpochOf(user: UserTag, next: NextSnapshot): Promise<NextSnapshot> {
    const { epoch } = await readIndex(this.#context, user)
    return { ...next, body: { ...next.body, epoch } }
  }

  async #relist(from: UserTag | undefined, to: UserTag | undefined): Promise<void> {
    if (from !== to && (await isRelisted(this.#context, this.key, this.#device, { from, to }))) this.#listed = true
  }
}
