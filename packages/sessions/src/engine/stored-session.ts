/**
 * A session as a store knows it, and how a change gets there: one compare-and-set, worked out anew on what is there now
 * when somebody else was faster. What the bearer of an id may see and do is decided here, on every version anew, because
 * another request's login can take that right away in the middle of this one.
 */
import assert from 'node:assert/strict'
import type { Answer, Remembered } from '../idempotency/answers.ts'
import { Contention } from './contention.ts'
import type { SessionKey } from '../contract.ts'
import { assertFits, decodeData } from '../record/data.ts'
import { type Make, textOf, unchanged } from './draft.ts'
import type { EngineContext } from '../context/engine-context.ts'
import { SessionConflictError, SessionError, SessionGoneError } from '../errors.ts'
import { expiry, isNoteDue, isTouchDue, timeoutsOf } from '../record/expiry.ts'
import {
  newSecret,
  newSessionId,
  sameDigest,
  type SessionId,
  secretDigest,
  sessionKey,
  type UserTag,
  userTag,
} from '../secrets/id.ts'
import { NextWrite } from './next-write.ts'
import { decodeBody, encodeBody, type Snapshot } from '../record/record.ts'
import { loginAgain } from './login-again.ts'
import { isUnconfirmed, type BearerStatus } from '../record/bearer-status.ts'
import { hasOld } from '../idempotency/remembered-keys.ts'
import { doneBefore, keptResult, type KeyedRequest, recalled, remembering, type Step } from '../idempotency/steps.ts'
import { type Successor, successor } from './successor.ts'
import { isRelisted, readIndex } from '../users/users.ts'

/** What a request begins with. */
export interface Opened {
  readonly id: SessionId
  /** Where it is stored: the hash of its handle. */
  readonly key: SessionKey
  /** What the client calls itself. */
  readonly device: string
  /** Of the client that begins it, where visitors are counted. */
  readonly address?: string | undefined
  /** Undefined for a session that no store knows yet. */
  readonly seen?: Snapshot
  readonly status?: BearerStatus
  /** False when the list of its user's sessions does not have it. */
  readonly listed?: boolean
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
  /** What is written is that the session was used, or that what was remembered is past its time. */
  #notesUse = false
  #forgets = false
  #ended = false
  /** Set once a write has met the answer that a twin of this request was given. From then on its writes change nothing. */
  answeredBefore: Answer | undefined
  #listed: boolean
  /** Whose session the bearer was let into. */
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

  /** What the bearer may see of it; undefined while there is nothing stored, or nothing for this bearer. */
  get visible(): Snapshot | undefined {
    return this.#status === 'superseded' ? undefined : this.#seen
  }

  get isStored(): boolean {
    return this.#seen !== undefined
  }

  get hasToWrite(): boolean {
    return this.nextWrite.isDue(this.#seen)
  }

  rotate(): void {
    if (this.#status === 'superseded') this.#beginAnew()
    this.nextWrite.rotates = this.#seen !== undefined
  }

  /** What is remembered of this request, as far as its bearer may know. */
  recall(request: KeyedRequest): Remembered | undefined {
    return recalled(this.visible, request, this.#context.clock.now())
  }

  /** Whether anything is remembered of this request. */
  remembers({ keyDigest }: KeyedRequest): boolean {
    return this.visible?.body.answersText?.includes(keyDigest) === true
  }

  async end(): Promise<void> {
    this.#ended = true
    const { visible } = this
    if (visible === undefined) return
    await this.#context.end(this.key)
    await this.#relist(visible.body.user, undefined)
  }

  async write<T>(make: Make<T>, step?: Step): Promise<T> {
    if (this.#ended) throw new SessionGoneError()
    const { commitAttemptsMax, onEvent } = this.#context
    let secret: string | undefined
    const drawSecret = (): string => (secret ??= newSecret(this.#context.random))
    const key = this.#key
    const contention = new Contention(this.#context, key)
    let current = this.#seen
    try {
      for (let attempt = 1; attempt <= commitAttemptsMax; attempt++) {
        const tried = await this.#tried(current, make, step, drawSecret)
        if ('result' in tried) return tried.result
        onEvent({ event: 'merged' })
        current = tried.current
        const found = await contention.wait(attempt)
        if (found !== undefined && found.version > current.version) current = this.#judged(found)
      }
    } finally {
      // It may have become another session on the way.
      contention.end(this.#key === key ? this.#seen : undefined)
    }
    throw new SessionConflictError(commitAttemptsMax, make(textOf(this.#seen)).data, decodeData(textOf(current)))
  }

  /** One try: the result, or what another request has written meanwhile. */
  async #tried<T>(
    current: Snapshot | undefined,
    make: Make<T>,
    step: Step | undefined,
    drawSecret: () => string,
  ): Promise<{ result: T } | { current: Snapshot }> {
    const { store, clock, visitors, onStep, onEvent } = this.#context
    const { base, next, result, forgotten } = await this.#next(current, make, step, drawSecret)
    if (next === undefined) {
      this.#seen = base
      return { result }
    }
    const isVisitor = next.body.user === undefined
    if (isVisitor && base === undefined) visitors.begin(this.#address, clock.now())
    onStep('before-commit')
    const written = await store.write(this.key, {
      expectedVersion: base?.version ?? 0,
      expiresAtMs: next.expiresAtMs,
      body: encodeBody(next.body),
      givesWay: isVisitor && !visitors.areAsUsers,
    })
    if (written.status === 'written') {
      onStep('after-commit')
      if (forgotten > 0) onEvent({ event: 'key-forgotten' })
      this.#settle({ ...next, version: written.version }, next.rotated ? drawSecret() : this.#id.secret)
      await this.#relist(this.#listed ? base?.body.user : undefined, next.body.user)
      return { result }
    }
    if (written.status === 'gone') throw new SessionGoneError()
    assert(base !== undefined, 'two sessions can not have drawn the same 128-bit handle')
    const { version, expiresAtMs, body } = written.current
    return { current: this.#judged({ version, expiresAtMs, body: decodeBody(body) }) }
  }

  /** A session that was only read lives longer for it. That it could not be told so is no reason to fail the request. */
  async keepAlive(): Promise<void> {
    const seen = this.visible
    if (seen === undefined || this.#ended) return
    const { store, clock, onEvent, onStep } = this.#context
    if (!this.#listed) await this.#relist(undefined, seen.body.user)
    this.#notesUse = isNoteDue(seen, this.#context, clock.now())
    try {
      if (this.#notesUse || this.#isConfirming(seen)) return await this.write(unchanged)
      if (!isTouchDue(seen, this.#context, clock.now())) return
      this.#forgets = hasOld(seen.body.answersText, clock.now())
      if (this.#forgets) return await this.write(unchanged)
      const expiresAtMs = expiry(seen.body.createdAtMs, timeoutsOf(seen.body, this.#context), clock.now())
      onStep('before-commit')
      const isTouched = await store.touch(this.key, expiresAtMs)
      onStep('after-commit')
      if (isTouched) this.#seen = { ...seen, expiresAtMs }
    } catch (error) {
      if (!(error instanceof SessionError)) throw error
      onEvent({ event: 'touch-failed' })
    } finally {
      this.#notesUse = false
      this.#forgets = false
    }
  }

  /** What to write on top of what is there; no `next` when nothing has to change. */
  async #next<T>(
    current: Snapshot | undefined,
    make: Make<T>,
    step: Step | undefined,
    drawSecret: () => string,
  ): Promise<{ base: Snapshot | undefined; next: Successor | undefined; result: T; forgotten: number }> {
    const { clock, userOf, visitors, dataBytesMax } = this.#context
    const nowMs = clock.now()
    const loggedIn = this.#status === 'superseded' ? loginAgain(current, make, this.#context) : undefined
    if (loggedIn === 'as-another-user') return await this.#next(this.#beginAnew(), make, step, drawSecret)
    if (loggedIn !== undefined) this.#letIn(current)
    const remembered = step && recalled(current, step, nowMs)
    const theirsText = textOf(current)
    if (step && remembered?.answer !== undefined) {
      this.answeredBefore = remembered.answer
      const { result } = keptResult(remembered, step) ?? loggedIn ?? make(theirsText)
      return { base: current, next: undefined, result: result as T, forgotten: 0 }
    }
    const done = step && doneBefore(remembered, step)
    const made = done ? { ...unchanged(theirsText), result: done.result as T } : (loggedIn ?? make(theirsText))
    const { data, dataText, result } = made
    const name = userOf(data)
    const user = name === undefined ? undefined : userTag(name)
    const confirmed = this.#isConfirming(current)
    const notesUse = this.#notesUse && current !== undefined && isNoteDue(current, this.#context, nowMs)
    const rotates = this.nextWrite.rotates || this.#hasRotated
    const memory =
      step && !done
        ? remembering(current, { remembered, step, result, user, rotates }, this.#context, nowMs)
        : undefined
    const change = {
      dataText,
      user,
      epoch: await this.#epochOf(user, current),
      answersText: memory?.text,
      rotate: this.nextWrite.rotates,
      confirmed,
      maxAgeMs: this.nextWrite.maxAgeMs,
      nextDigest: () => secretDigest(current === undefined ? this.#id.secret : drawSecret()),
    }
    const next = successor(current, change, this.#context, nowMs)
    const isForItself = notesUse || this.#forgets || step?.isMark === true
    const isSame = dataText === theirsText && !next.rotated && !confirmed && !isForItself && !this.hasToWrite
    const isKept = current !== undefined || user !== undefined || this.hasToWrite || visitors.isWorthKeeping(data)
    if (isSame || !isKept) return { base: current, next: undefined, result, forgotten: 0 }
    assertFits(data, dataText, dataBytesMax)
    return { base: current, next, result, forgotten: memory?.forgotten ?? 0 }
  }

  /** From here on this is a session that no store knows, under a handle that nobody has seen. */
  #beginAnew(): undefined {
    this.#id = newSessionId(this.#context.random)
    this.#key = sessionKey(this.#id.handle)
    this.#seen = undefined
    this.#status = 'current'
    this.#user = undefined
    this.#listed = true
  }

  #letIn(current: Snapshot | undefined): void {
    this.#status = 'alias'
    this.#user = current?.body.user
    this.nextWrite.rotates = true
  }

  #settle(seen: Snapshot, secret: string): void {
    this.#seen = seen
    this.#user = seen.body.user
    this.#hasRotated ||= this.nextWrite.rotates
    this.nextWrite.done()
    this.#context.lastKnown.see(this.#key, seen, this.#context.clock.now())
    if (secret !== this.#id.secret) this.#status = 'current'
    this.#id = { handle: this.#id.handle, secret, user: seen.body.user }
  }

  /** The epoch that a session of this user begins in, or began in. */
  async #epochOf(user: UserTag | undefined, current: Snapshot | undefined): Promise<number> {
    if (user === current?.body.user) return current?.body.epoch ?? 0
    return user === undefined ? 0 : (await readIndex(this.#context, user)).epoch
  }

  async #relist(from: UserTag | undefined, to: UserTag | undefined): Promise<void> {
    if (from !== to && (await isRelisted(this.#context, this.key, this.#device, { from, to }))) this.#listed = true
  }

  /** What another request wrote. If that made it another user's, this one has lost its right to see it. */
  #judged(written: Snapshot): Snapshot {
    const isCurrent = sameDigest(written.body.secretDigest, secretDigest(this.#id.secret))
    if (written.body.user !== this.#user) this.#status = 'superseded'
    else this.#status = isCurrent ? 'current' : 'alias'
    return written
  }

  #isConfirming(current: Snapshot | undefined): boolean {
    return current !== undefined && this.#status === 'current' && isUnconfirmed(current.body)
  }
}
