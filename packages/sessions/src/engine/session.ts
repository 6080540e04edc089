/**
 * One session in one request: the handler's copy of the data, the changes to that copy, and the order in which they are committed.
 */
import { type Answer, isKept, isSameAnswer, keyDigest, proxyWindowMs } from '../idempotency/answers.ts'
import { decodeData, EMPTY_DATA, encodeData, type SessionData } from '../record/data.ts'
import { type Transform, type Transformed, unchanged } from './transform.ts'
import type { EngineContext } from '../context/engine-context.ts'
import { SessionError } from '../errors.ts'
import { exactly, type Fingerprint } from '../idempotency/fingerprint.ts'
import { auxiliaryKey, sameDigest, secretDigest, type SessionId, sessionRef, type UserTag } from '../secrets/id.ts'
import { isUnreplaced } from '../record/bearer-status.ts'
import { merge } from '../record/merge.ts'
import { checkedValue, take } from '../options.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { decodeBody } from '../record/record.ts'
import { ANSWERED, FAILED, type KeyedRequest, type KeyedStep, StepNames } from '../idempotency/steps.ts'
import { type SingleFlight, singleFlight, type SingleOptions } from './single-flight.ts'
import type { Answering } from './plan-write.ts'
import { type Opened, StoredSession } from './stored-session.ts'

export interface SessionInfo {
  /** As in the list of the user's sessions. It does not give access to the session. */
  readonly id: string
  readonly version: number
  readonly createdAtMs: number
  readonly expiresAtMs: number
  /** How long it may be unused, where `session.maxAge` has said so; 0 says that its cookie ends with the browser. */
  readonly maxAgeMs?: number
}

/**
 * The base of the three-way merge: the data when the handler took its copy, and after each write what was written of that copy. It
 * advances only when a write has succeeded, so that a failed write has nothing to undo. It may differ from the stored data, which has
 * other requests' changes merged in.
 */
interface Base {
  text: string
}

interface HandlerCopy {
  readonly base: Base
  readonly text: string
}

export class OpenSession {
  readonly #context: EngineContext
  readonly #stored: StoredSession
  #base: Base
  /** The request that the session's changes belong to, when it carries an idempotency key. */
  #keyed: KeyedRequest | undefined
  /** An update without a name has been made. */
  #isUnnamedMade = false
  /** Undefined for a request that can't be recognised when it is repeated. */
  #steps: StepNames | undefined
  /** Changes of one request run one at a time, because each starts from what the one before wrote. */
  readonly #inTurn = oneAtATime()

  constructor(context: EngineContext, opened: Opened) {
    this.#context = context
    this.#stored = new StoredSession(context, opened)
    this.#base = { text: this.#visibleText }
  }

  /** The id for the client's cookie. A commit that rotates changes it. */
  get id(): SessionId {
    return this.#stored.id
  }

  /** Undefined while the session is not stored, or its bearer may not see it. */
  get info(): SessionInfo | undefined {
    const { visible } = this.#stored
    if (visible === undefined) return undefined
    const { version, expiresAtMs, body } = visible
    const { createdAtMs, maxAgeMs } = body
    return { id: this.publicId, version, createdAtMs, expiresAtMs, ...(maxAgeMs !== undefined && { maxAgeMs }) }
  }

  /** For lists and logs; it gives no access. Known before the session is stored. */
  get publicId(): string {
    return sessionRef(this.#stored.key)
  }

  /** This session's idle timeout, if it is not the usual one. */
  get maxAgeMs(): number | undefined {
    const { maxAgeMs } = this.#stored.nextWrite
    return maxAgeMs === 'as-it-is' ? this.#stored.visible?.body.maxAgeMs : maxAgeMs
  }

  /** Takes effect with the next commit. */
  set maxAgeMs(value: number | undefined) {
    this.#stored.nextWrite.maxAgeMs = value
  }

  /** From the next commit on the session is stored, even if there is nothing in it. */
  begin(): void {
    this.#stored.nextWrite.begins = true
  }

  /** Whether a commit of `mine` would write more than a touch. */
  hasToWrite(mine: SessionData | undefined): boolean {
    return this.#stored.hasToWrite || (mine !== undefined && this.differs(mine))
  }

  /**
   * Asks the store whether the client of a request that came with `cameWith` needs this request's id, which another request may have
   * rotated away meanwhile. A rotated-away id is needed where the client may have no other: after a login that came twice at once, the
   * id that it came with opens nothing, and the answer with the newest one may be lost.
   */
  isIdNeeded(cameWith: SessionId): Promise<boolean> {
    return this.#inTurn(async () => {
      const record = await this.#context.store.read(this.#stored.key)
      if (record === undefined) return false
      const body = decodeBody(record.body)
      const digest = secretDigest(this.id.secret)
      if (sameDigest(body.secretDigest, digest)) return true
      return isUnreplaced(body, digest) && !isUnreplaced(body, secretDigest(cameWith.secret))
    })
  }

  /** The answer to an earlier copy of this keyed request, once a commit or update has found it; this request then wrote nothing. */
  get answeredBefore(): Answer | undefined {
    return this.#stored.answeredBefore
  }

  /** Takes a copy of the data as last read or committed, which is the base of the handler's changes. */
  take(): SessionData {
    this.#base = { text: this.#visibleText }
    return decodeData(this.#base.text)
  }

  /** Whether `mine` is something else than the copy that was taken. */
  differs(mine: SessionData): boolean {
    return encodeData(mine) !== this.#base.text
  }

  /** From the next commit on, another secret; the one that came with this request keeps working for the grace. */
  rotate(): void {
    this.#stored.rotate()
  }

  /** Whose session it is, as far as this request may know. */
  get user(): UserTag | undefined {
    return this.#stored.visible?.body.user
  }

  /** The session for another request of the same bearer, as this one last saw it. */
  continued(): OpenSession {
    return new OpenSession(this.#context, this.#stored.opened)
  }

  /**
   * From here on the session's changes are those of the request with this key: steps that were written when it was here
   * before give their remembered results and change nothing. Returns the answer, if that is remembered too. Throws
   * IdempotencyMismatchError when the key was used for another request, and AnswerNotKeptError when nothing more is known of
   * the request than that it has been here. A text for a fingerprint is stored as it is.
   */
  bindIdempotencyKey(
    key: string,
    fingerprint: Fingerprint | string,
    idempotencyWindowMs = this.#context.idempotencyWindowMs,
  ): Answer | undefined {
    const proxyMs = proxyWindowMs(key)
    this.nameSteps()
    this.#keyed = {
      keyDigest: keyDigest(key),
      fingerprint: typeof fingerprint === 'string' ? exactly(fingerprint) : fingerprint,
      windowMs: Math.min(proxyMs ?? idempotencyWindowMs, idempotencyWindowMs),
      isClients: proxyMs === undefined,
    }
    return this.#stored.findAnswer(this.#keyed)
  }

  /**
   * Holds the request's changes to the rules for the names of steps, as `bindIdempotencyKey` does: a missing name is found
   * before the first request that carries a key.
   */
  nameSteps(): void {
    this.#steps = new StepNames()
  }

  /**
   * For a request whose earlier copy has been answered: it adopts what that one did, and after a login also its session. True if the
   * client gets a new id.
   */
  async reclaim(): Promise<boolean> {
    if (!this.#stored.nextWrite.rotates) return false
    await this.commit(this.take())
    return true
  }

  /**
   * Brings what the handler changed since it took its copy into the stored session; `mine` is that copy now, or undefined
   * where it never took one. `answerOf` tells what the request is about to be answered, if that is known.
   */
  async commit(mine: SessionData | undefined, answerOf?: () => Answer | undefined): Promise<void> {
    const copy = this.#copied(mine)
    await this.#inTurn(async () => {
      const transform = this.#changesOf(copy)
      if (transform === undefined) {
        const mark = this.#answerMark(answerOf)
        // A mere rotation is not remembered: a repeated request needs its new id too.
        if (this.#stored.hasToWrite || !this.#stored.isStored) await this.#stored.write(unchanged, { step: mark })
        else if (mark === undefined) await this.#stored.keepAlive()
        else await this.#note(mark)
        return
      }
      const stepName = this.#steps?.takeSave()
      try {
        await this.#stored.write(transform, { step: this.#stepOf(stepName, this.#keyed && answerOf?.()) })
        copy.base.text = copy.text
      } catch (error) {
        this.#steps?.release(stepName)
        throw error
      }
    })
  }

  /**
   * The answer of a request that has changed something, to be remembered with it. A balancer repeats a request of its own key
   * only while it has no answer, so that a write of its own would come too late to matter.
   */
  #answerMark(answerOf: (() => Answer | undefined) | undefined): KeyedStep | undefined {
    const keyed = this.#keyed
    const answer = keyed?.isClients === true ? answerOf?.() : undefined
    if (keyed === undefined || answer === undefined || !isKept(answer)) return undefined
    const { answerStored } = this.#stored
    if (isSameAnswer(answer, answerStored) || !this.#stored.remembers(keyed)) return undefined
    return { ...keyed, name: ANSWERED, answer, replaces: answerStored, isMark: true }
  }

  /** The request's changes are stored, and are recognised without this. */
  async #note(mark: KeyedStep): Promise<void> {
    try {
      await this.#stored.write(unchanged, { step: mark })
    } catch (error) {
      if (!(error instanceof SessionError)) throw error
      this.#context.onEvent({ event: 'answer-failed' })
    }
  }

  /**
   * Commits `mine` and, on top of it, what `change` does to a draft, in one write. `change` runs again when another
   * request was faster, so it must depend on nothing but its draft; what it returns the last time is the result. One that
   * changes nothing writes nothing, and its result is then of the session as this request last saw it. By `name` it is known
   * again when the request is. `answering` makes the request's answer, which is then stored in the same write; nothing may be changed
   * after that.
   */
  async update<T>(
    mine: SessionData,
    change: (draft: SessionData) => T,
    name?: string,
    answering?: Answering<T>,
  ): Promise<T> {
    const stepName = this.#steps?.takeUpdate(name)
    try {
      const copy = this.#copied(mine)
      const result = await this.#inTurn(async () => {
        const transform = this.#changesOf(copy) ?? unchanged
        const updating = (currentText: string): Transformed<T> => {
          const { data } = transform(currentText)
          const result = change(data)
          return { result, data, dataText: encodeData(data) }
        }
        const result = await this.#stored.write(updating, { step: this.#stepOf(stepName), answering })
        copy.base.text = copy.text
        return result
      })
      this.#isUnnamedMade ||= name === undefined
      if (answering !== undefined) this.#steps?.close()
      return result
    } catch (error) {
      this.#steps?.release(stepName)
      throw error
    }
  }

  /**
   * The handler failed. When the request comes again, an update without a name can be the one that was made, or one that the
   * handler did not get to: it is remembered that this can't be known.
   */
  async fail(): Promise<void> {
    const keyed = this.#keyed
    if (keyed === undefined || !this.#isUnnamedMade) return
    await this.#inTurn(() => this.#note({ ...keyed, name: FAILED, answer: undefined, isMark: true }))
  }

  /** Runs `run` once for this session, as its present user's: see single-flight.ts. */
  single<T>(name: string, run: SingleFlight<T>['run'], options?: SingleOptions): Promise<T> {
    const checkedName = checkedValue('The name of session.single()', name, take.text) as string
    const user = this.#stored.visible?.body.user ?? null
    const key = auxiliaryKey(JSON.stringify(['single', this.#stored.key, user, checkedName]))
    return singleFlight(this.#context, { key, name: checkedName, run }, options)
  }

  /** The session has ended: it can't be read, written or restored. */
  destroy(): Promise<void> {
    return this.#inTurn(() => this.#stored.end())
  }

  get #visibleText(): string {
    return this.#stored.visible?.body.dataText ?? EMPTY_DATA
  }

  /** The handler's present copy, and its base. */
  #copied(mine: SessionData | undefined): HandlerCopy {
    const base = this.#base
    return { base, text: mine === undefined ? base.text : encodeData(mine) }
  }

  /** The handler's unwritten changes, as a transform of the stored data; undefined if there are none. */
  #changesOf({ base, text }: HandlerCopy): Transform<undefined> | undefined {
    const baseText = base.text
    if (text === baseText) return undefined
    return (currentText) => {
      const mine = decodeData(text)
      // The usual case: no other request has changed it meanwhile.
      if (currentText === baseText) return { data: mine, dataText: text, result: undefined }
      const data = merge(decodeData(baseText), mine, decodeData(currentText), this.#context.resolvers)
      return { data, dataText: encodeData(data), result: undefined }
    }
  }

  #stepOf(name: string | undefined, answer?: Answer): KeyedStep | undefined {
    return this.#keyed && name !== undefined ? { ...this.#keyed, name, answer } : undefined
  }
}
