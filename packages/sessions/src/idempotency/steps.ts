/** The steps of a request with an idempotency key: finds those that were written, and records new ones. */
import { type Answer, isSameAnswer, NOT_KEPT, type Remembered, resultOf, type StepResult } from './answers.ts'
import { assertJson } from '../record/data.ts'
import { AnswerNotKeptError, IdempotencyMismatchError, StepNameError } from '../errors.ts'
import type { Fingerprint } from './fingerprint.ts'
import type { UserTag } from '../secrets/id.ts'
import { DIGEST_ONLY, digestsOf, type KeyLimits, findKey, remember } from './remembered-keys.ts'
import type { Snapshot } from '../record/record.ts'

/** A request that carries an idempotency key. */
export interface KeyedRequest {
  readonly keyDigest: string
  readonly fingerprint: Fingerprint
  readonly windowMs: number
  /** The key is the client's, which may repeat the request at any time within the window. */
  readonly isClients: boolean
}

/** One change of such a request. */
export interface KeyedStep extends KeyedRequest {
  /** Tells it from the request's other changes, also when the request runs again on other data; see StepNames. */
  readonly name: string
  /** What the request is about to be answered, if that is known with this step. */
  readonly answer: Answer | undefined
  /** The answer that this very request stored before: it is replaced. */
  readonly replaces?: Answer | undefined
  /** Written although it changes no data, only to be remembered. */
  readonly isMark?: boolean
}

/**
 * Throws if the key is another request's, or only a digest of this one is left. `own` is what counts in place of a digest.
 */
export function findRemembered(
  current: Snapshot | undefined,
  asked: Pick<KeyedStep, 'keyDigest' | 'fingerprint'>,
  nowMs: number,
  own?: Remembered,
): Remembered | undefined {
  const found = findKey(current?.body.answersText, asked.keyDigest, nowMs)
  const remembered = found === DIGEST_ONLY ? own : found
  if (found === DIGEST_ONLY && own === undefined) throw new AnswerNotKeptError()
  if (remembered !== undefined && !asked.fingerprint.matches(remembered.fingerprint))
    throw new IdempotencyMismatchError()
  return remembered
}

/** The answer that an earlier copy of the request was given. */
export function answeredBefore(remembered: Remembered | undefined, { replaces }: KeyedStep): Answer | undefined {
  const answer = remembered?.answer
  return answer === undefined || isSameAnswer(answer, replaces) ? undefined : answer
}

/** The result of a step that was written; undefined if it was not. */
export function doneBefore(remembered: Remembered | undefined, step: KeyedStep): StepResult | undefined {
  const done = resultOf(remembered, step.name)
  if (done !== undefined && step.name === UNNAMED && resultOf(remembered, FAILED) !== undefined)
    throw new StepNameError(AFTER_FAILURE)
  return done
}

/** Of a request whose answer is known, what a step gave back, if that is known too. */
export function keptResult(remembered: Remembered, { name }: KeyedStep): StepResult | undefined {
  return remembered.results.find(({ step, result }) => step === name && result !== NOT_KEPT)
}

/** A step as it is about to be stored. */
interface Memory {
  readonly remembered: Remembered | undefined
  readonly step: KeyedStep
  readonly result: unknown
  /** Whose session it is after the step. */
  readonly user: UserTag | undefined
  /** The id was or is rotated by this request, as by a login of the same user. */
  readonly rotates: boolean
}

export function remembering(
  current: Snapshot | undefined,
  { remembered, step, result, user, rotates }: Memory,
  limits: KeyLimits,
  nowMs: number,
): { readonly text: string; readonly forgotten: number; readonly entry: Remembered } {
  assertJson(result, 'update()')
  const { keyDigest, fingerprint, name, answer, windowMs } = step
  const changesUser = user !== current?.body.user
  const changedUser = remembered?.changedUser === true || changesUser
  // The payload of a login, or of a login again, has a password in it.
  const isSecret = changedUser || rotates || remembered?.fingerprint === fingerprint.withoutPayload
  const entry: Remembered = {
    keyDigest,
    fingerprint: isSecret ? fingerprint.withoutPayload : fingerprint.whole,
    forgetAtMs: remembered?.forgetAtMs ?? nowMs + windowMs,
    changedUser,
    results: [...(remembered?.results ?? []), ...(name === ANSWERED ? [] : [{ step: name, result }])],
    answer,
  }
  const before = current?.body.answersText
  const kept = changesUser ? digestsOf(before, nowMs, keyDigest) : before
  return { ...remember(kept, entry, limits, nowMs, current?.version), entry }
}

const UNNAMED = 'update'
const SAVE = 'save'
/** A mark: the handler failed after an update without a name, so that the next one without may be another. */
export const FAILED = 'failed'
/** A mark: the answer is there. */
export const ANSWERED = 'answered'
/** Before the names that an application gives, so that none of them is taken for one of ours. */
const NAMED = '='
const NAME = /^[\x20-\x7e]{1,64}$/
const STEPS_MAX = 32

/**
 * The names of one request's steps. A request that comes again may take another path, and may do so on another version of
 * the program: only the application knows which change is the same one. So an update is recognised by the name that the
 * application gave it. One update may go without, and one save: those two can't be taken for each other. What would have to
 * be guessed is refused.
 */
export class StepNames {
  readonly #taken = new Set<string>()
  #isClosed = false

  /** Throws StepNameError where the step could be taken for another one of this request. */
  takeUpdate(given: string | undefined): string {
    if (given === undefined) return this.#take(UNNAMED, ONE_UNNAMED)
    const isUsed = `has two updates named '${given}'. Give each a name of its own`
    return this.#take(NAMED + given, isUsed)
  }

  takeSave(): string {
    return this.#take(SAVE, ONE_SAVE)
  }

  /** An update has given the request's answer: what came after it would be missing in that of a repeat. */
  close(): void {
    this.#isClosed = true
  }

  /** The step failed and may be tried again under its name. What has no name may be another step the next time. */
  release(name: string | undefined): void {
    if (name !== undefined && name !== UNNAMED) this.#taken.delete(name)
  }

  #take(name: string, refusal: string): string {
    if (this.#isClosed) throw new StepNameError(AFTER_ANSWER)
    if (this.#taken.has(name)) throw new StepNameError(refusal)
    if (this.#taken.size >= STEPS_MAX) throw new StepNameError(`makes more than ${STEPS_MAX} changes`)
    this.#taken.add(name)
    return name
  }
}

const ONE_UNNAMED = `has a second update without a name. Name it: session.update('name', change)`
const AFTER_FAILURE = `failed before, after an update without a name, and this one may be another. Name them: session.update('name', change)`
const AFTER_ANSWER = `changes the session after an update that gave the answer. Let the last change give it`
const ONE_SAVE = `saves fields twice. Make one of the changes an update with a name: session.update('name', change)`

/** Throws StepNameError for what can't be the name of an update. */
export function assertStepName(name: unknown): void {
  if (typeof name === 'string' && NAME.test(name)) return
  throw new StepNameError('names an update by something else than 1 to 64 visible ASCII characters')
}
