/** The changes of a request that carries an idempotency key, between a session and what it remembers. */
import { type Answer, recall, remember, type Remembered, resultOf, type StepResult } from './answers.ts'
import { assertJson } from './data.ts'
import { IdempotencyMismatchError, StepNameError } from './errors.ts'
import type { UserTag } from './record.ts'
import type { Snapshot } from './successor.ts'

/** One change of a request that carries an idempotency key. */
export interface Step {
  readonly keyDigest: string
  readonly fingerprint: string
  /** Tells it from the request's other changes, also when the request runs again on other data; see StepNames. */
  readonly name: string
  /** What the request is about to be answered, if that is known with this step. */
  readonly answer: Answer | undefined
  /** Written though it changes no data: it is only there to be remembered. */
  readonly isMark?: boolean
}

export function recalled(
  current: Snapshot | undefined,
  asked: Pick<Step, 'keyDigest' | 'fingerprint'>,
): Remembered | undefined {
  const remembered = recall(current?.body.answersText, asked.keyDigest)
  if (remembered !== undefined && remembered.fingerprint !== asked.fingerprint) throw new IdempotencyMismatchError()
  return remembered
}

/** What a step gave back when it was written; undefined when it was not. */
export function doneBefore(remembered: Remembered | undefined, step: Step): StepResult | undefined {
  const done = resultOf(remembered, step.name)
  if (done !== undefined && step.name === UNNAMED && resultOf(remembered, FAILED) !== undefined)
    throw new StepNameError(AFTER_FAILURE)
  return done
}

export const NOTHING_TO_REMEMBER = { answersText: undefined, answersTextAlone: undefined }

export function remembering(
  current: Snapshot | undefined,
  remembered: Remembered | undefined,
  { keyDigest, fingerprint, name, answer }: Step,
  result: unknown,
  nowMs: number,
  user: UserTag | undefined,
): { answersText: string; answersTextAlone: string } {
  assertJson(result, 'update()')
  const changedUser = remembered?.changedUser === true || user !== current?.body.user
  const results = [...(remembered?.results ?? []), { step: name, result }]
  const entry = { keyDigest, fingerprint, atMs: nowMs, changedUser, results, answer }
  return {
    answersText: remember(current?.body.answersText, entry, nowMs),
    answersTextAlone: remember(undefined, entry, nowMs),
  }
}

const UNNAMED = 'update'
const SAVE = 'save'
/** A mark: the handler failed after an update without a name, so that the next one without may be another. */
export const FAILED = 'failed'
/** Before the names that an application gives, so that none of them is taken for one of ours. */
const NAMED = '='
const NAME = /^[\x20-\x7e]{1,64}$/
const STEPS_MAX = 64

/**
 * The names of one request's steps. A request that comes again may take another path, and may do so on another version of
 * the program: only the application knows which change is the same one. So an update is recognised by the name that the
 * application gave it. One update may go without, and one save: those two can't be taken for each other. What would have to
 * be guessed is refused.
 */
export class StepNames {
  readonly #taken = new Set<string>()

  /** Throws StepNameError where the step could be taken for another one of this request. */
  takeUpdate(given: string | undefined): string {
    if (given === undefined) return this.#take(UNNAMED, ONE_UNNAMED)
    const isUsed = `has two updates named '${given}'. Give each a name of its own`
    return this.#take(NAMED + given, isUsed)
  }

  takeSave(): string {
    return this.#take(SAVE, ONE_SAVE)
  }

  /** The step failed and may be tried again under its name. What has no name may be another step the next time. */
  release(name: string): void {
    if (name !== UNNAMED) this.#taken.delete(name)
  }

  #take(name: string, refusal: string): string {
    if (this.#taken.has(name)) throw new StepNameError(refusal)
    if (this.#taken.size >= STEPS_MAX) throw new StepNameError(`makes more than ${STEPS_MAX} changes`)
    this.#taken.add(name)
    return name
  }
}

const ONE_UNNAMED = `has a second update without a name. Name it: session.update('name', change)`
const AFTER_FAILURE = `failed before, after an update without a name, and this one may be another. Name them: session.update('name', change)`
const ONE_SAVE = `saves fields twice. Make one of the changes an update with a name: session.update('name', change)`

/** Throws StepNameError for what can't be the name of an update. */
export function assertStepName(name: unknown): void {
  if (typeof name === 'string' && NAME.test(name)) return
  throw new StepNameError('names an update by something else than 1 to 64 visible ASCII characters')
}
