/** The changes of a request that carries an idempotency key, between a session and what it remembers. */
import { type Answer, recall, remember, type Remembered } from './answers.ts'
import { assertJson } from './data.ts'
import { IdempotencyMismatchError } from './errors.ts'
import type { UserTag } from './record.ts'
import type { Snapshot } from './successor.ts'

/** One change of a request that carries an idempotency key. */
export interface Step {
  readonly keyDigest: string
  readonly fingerprint: string
  /** Tells it from the request's other changes, also when the request runs again on other data. */
  readonly name: string
  /** What the request is about to be answered, if that is known with this step. */
  readonly answer: Answer | undefined
}

export function recalled(
  current: Snapshot | undefined,
  asked: Pick<Step, 'keyDigest' | 'fingerprint'>,
): Remembered | undefined {
  const remembered = recall(current?.body.answersText, asked.keyDigest)
  if (remembered !== undefined && remembered.fingerprint !== asked.fingerprint) throw new IdempotencyMismatchError()
  return remembered
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
