/**
 * What follows a failed attempt, as a pure function: the only place with rules about retries.
 *
 * A request of which nothing was sent goes to another upstream, whatever its method and size. Once something was sent the upstream may
 * have carried it out, and it is retried only if that is harmless: its method is idempotent (RFC 9110, section 9.2.2), or it has a key
 * by which the next node recognises it. Any other client gets an error that says what is known.
 */
import type { ErrorCode } from './error-answer.ts'

export type FailureKind =
  /** No process listens at the upstream. */
  | 'refused'
  /** No connection for another reason: no route, no such name, no socket in time. */
  | 'unreached'
  /** The connection broke. */
  | 'broken'
  /** A reused connection broke before any byte of the answer: the upstream may have closed it as idle. */
  | 'stale'
  /** What came back was not HTTP, or not what was asked for. */
  | 'junk'
  /** The upstream did not answer in time. */
  | 'silent'
  /** The upstream answered 503. */
  | 'declined'
  /** The upstream died or fell silent as a whole, before this connection said so. */
  | 'lost'
  /** The client stopped in the middle of its request, or does not take its answer. */
  | 'client-stalled'

/** How an attempt failed. */
export interface Failure {
  readonly kind: FailureKind
  readonly reason: string
  readonly sent: 'nothing' | 'something'
  readonly answer: 'none' | 'begun'
}

/** `answered`: whole. `cancelled`: its request was given up. */
export type AttemptOutcome =
  | { readonly kind: 'answered' }
  | { readonly kind: 'upgraded' }
  | { readonly kind: 'cancelled' }
  | Failure

export interface FailedAttempt {
  readonly method: string
  /** Whether a node can recognise the request: by its client's key, or by a minted one. */
  readonly key: 'none' | 'own' | 'minted'
  readonly failure: FailureKind
  /** What the upstream may have seen of the request: nothing, as long as no connection to it stood. */
  readonly sent: 'nothing' | 'something'
  /** What the client may have seen of the answer. */
  readonly answer: 'none' | 'begun'
  /** Whether the body can be sent from its beginning: there is none, it was kept, or nothing was read of it. */
  readonly body: 'whole' | 'not-kept'
  /** Attempts made for this request, this one included, without refused connections. */
  readonly attempts: number
  readonly attemptsMax: number
  /** Those of them that ended with a broken connection, a broken upstream or a malformed answer. */
  readonly breaks: number
  /** Whether the retry budget allows another attempt. */
  readonly budget: 'left' | 'spent'
  /** Whether the time for all attempts together is up. */
  readonly late: boolean
}

export type ReplayRule = 'idempotent' | 'keyed' | 'minted'

export type RetryDecision =
  | { readonly next: 'another-upstream'; readonly rule: 'nothing-sent' | ReplayRule }
  | {
      readonly next: 'refuse'
      readonly rule:
        | 'attempts-used-up'
        | 'budget-spent'
        | 'client-stalled'
        | 'poison'
        | 'body-not-kept'
        | 'late'
        | 'may-have-acted'
      readonly code: ErrorCode
    }
  /** The client's connection is destroyed: a partial answer must never look complete. */
  | { readonly next: 'cut'; readonly rule: 'answer-begun' }

/** After so many upstreams broke under a request it is not sent to another: the request may be what breaks them. */
export const BREAKS_MAX = 2

/** RFC 9110, section 9.2.1: safe methods change nothing. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
/** Section 9.2.2: idempotent methods. */
const IDEMPOTENT_METHODS = new Set([...SAFE_METHODS, 'PUT', 'DELETE'])

export function isSafe(method: string): boolean {
  return SAFE_METHODS.has(method)
}

/** What makes a retry harmless; undefined where nothing does. */
export function replayRule(method: string, key: FailedAttempt['key']): ReplayRule | undefined {
  if (key !== 'none') return key === 'own' ? 'keyed' : 'minted'
  return IDEMPOTENT_METHODS.has(method) ? 'idempotent' : undefined
}

export function retryDecision(attempt: FailedAttempt): RetryDecision {
  if (attempt.answer === 'begun') return { next: 'cut', rule: 'answer-begun' }
  return attempt.sent === 'nothing' ? afterNothing(attempt) : afterSomething(attempt)
}

function afterNothing({ attempts, attemptsMax, late }: FailedAttempt): RetryDecision {
  if (late) return { next: 'refuse', rule: 'late', code: 'UNAVAILABLE' }
  if (attempts < attemptsMax) return { next: 'another-upstream', rule: 'nothing-sent' }
  return { next: 'refuse', rule: 'attempts-used-up', code: 'UNAVAILABLE' }
}

function afterSomething(attempt: FailedAttempt): RetryDecision {
  const { method, key, failure, attempts, attemptsMax } = attempt
  if (failure === 'client-stalled') return { next: 'refuse', rule: 'client-stalled', code: 'REQUEST_TIMEOUT' }
  if (attempt.breaks >= BREAKS_MAX) return { next: 'refuse', rule: 'poison', code: 'BAD_GATEWAY' }
  const code = failure === 'silent' ? 'GATEWAY_TIMEOUT' : 'BAD_GATEWAY'
  const rule = replayRule(method, key)
  if (rule === undefined) return { next: 'refuse', rule: 'may-have-acted', code }
  if (attempt.body === 'not-kept') return { next: 'refuse', rule: 'body-not-kept', code }
  if (attempt.late) return { next: 'refuse', rule: 'late', code }
  if (attempts >= attemptsMax) return { next: 'refuse', rule: 'attempts-used-up', code }
  if (attempt.budget === 'spent') return { next: 'refuse', rule: 'budget-spent', code }
  return { next: 'another-upstream', rule }
}
