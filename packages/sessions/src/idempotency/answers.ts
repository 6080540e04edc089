/**
 * The requests with an idempotency key that a session remembers, in its own record, so that a change and the note that it was made are
 * one write.
 *
 * A request may change its session in several steps (each `update`, and the save at the end). A step is remembered with its
 * result when it is written. When the request comes again, be it after a crash between two steps or at the same time on
 * another node, its handler runs again, the steps that were written give their remembered results and change nothing, and
 * the rest is done now. Once the answer has been committed too, the handler need not run.
 *
 * How much of this there is room for, and for how long, is in remembered-keys.ts.
 *
 * Rejected: a marker "running" that is written first and the answer written last. It costs two more writes a request, and
 * a crash between them leaves a request that may have happened and can't be repeated.
 */
import { hash } from 'node:crypto'
import { AnswerNotKeptError } from '../errors.ts'

/** An answer small enough to keep. */
export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
  /** The headers that the handler set, but for cookies. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
}

export interface Remembered {
  readonly keyDigest: string
  /** Tells the request from another one under the same key; empty where nothing may be kept of it. */
  readonly fingerprint: string
  readonly forgetAtMs: number
  /** It gave the session another user: it was a login or a logout. */
  readonly changedUser: boolean
  /** The steps that were written, with their results. */
  readonly results: readonly StepResult[]
  readonly answer: Answer | undefined
}

export interface StepResult {
  readonly step: string
  readonly result: unknown
}

/** Of one result or answer, as JSON. */
export const KEPT_LENGTH_MAX = 4_096
/** Stands for a result that was too large to keep. */
export const NOT_KEPT = Symbol('not kept')
const DIGEST_LENGTH = 16
/** Keys that a balancer made for a request of its own that had none: random, and never used for another one. */
const PROXY_KEY = /^balancer-(\d{1,5})s-/
/** The clock of another node may be five minutes ahead, and that node must not forget what is repeated right now. */
const PROXY_MARGIN_S = 60 + 5 * 60

export function keyDigest(key: string): string {
  return hash('sha256', key, 'base64url').slice(0, DIGEST_LENGTH)
}

/** For how long a balancer's own key has to be remembered, which the key says itself; undefined for a client's key. */
export function proxyWindowMs(key: string): number | undefined {
  const [, seconds] = PROXY_KEY.exec(key) ?? []
  return seconds === undefined ? undefined : (Number(seconds) + PROXY_MARGIN_S) * 1_000
}

/** The result of a step that was written; undefined if it was not. */
export function resultOf(remembered: Remembered | undefined, step: string): StepResult | undefined {
  const found = remembered?.results.find((each) => each.step === step)
  if (found?.result === NOT_KEPT) throw new AnswerNotKeptError()
  return found
}

export function isSameAnswer(one: Answer, other: Answer | undefined): boolean {
  return other !== undefined && one.body === other.body && JSON.stringify(one) === JSON.stringify(other)
}

export function isKept(answer: Answer): boolean {
  const headers = answer.headers === undefined ? 0 : JSON.stringify(answer.headers).length
  return answer.body.length + headers <= KEPT_LENGTH_MAX
}
