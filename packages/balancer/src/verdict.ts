/**
 * What follows a failed attempt, as a pure function: the one place where rules about sending a request again live.
 *
 * The one rule so far: a request of which nothing was sent goes to another upstream, whatever its method and size. Once
 * something was sent the upstream may have acted on it, and an unsafe request sent twice could count twice, so the
 * client is told honestly what is known.
 */
import type { ErrorCode } from './error-answer.ts'

export type FailureKind =
  /** Nobody listens there. */
  | 'refused'
  /** No connection for another reason: no route, no such name, no socket in time. */
  | 'unreached'
  /** The connection broke. */
  | 'broken'
  /** What came back was not HTTP, or not what was asked for. */
  | 'junk'
  /** The upstream let its time pass. */
  | 'silent'
  /** The client stopped in the middle of its request. */
  | 'client-stalled'

export interface FailedAttempt {
  readonly method: string
  readonly failure: FailureKind
  /** What the upstream may have seen of the request: nothing, as long as no connection to it stood. */
  readonly sent: 'nothing' | 'something'
  /** What the client may have seen of the answer. */
  readonly answer: 'none' | 'begun'
  /** Attempts made for this request, this one included. */
  readonly attempts: number
  readonly attemptsMax: number
}

export type Verdict =
  | { readonly next: 'another-upstream'; readonly rule: 'nothing-sent' }
  | {
      readonly next: 'refuse'
      readonly rule: 'attempts-used-up' | 'client-stalled' | 'was-safe' | 'may-have-acted'
      readonly code: ErrorCode
    }
  /** The client's connection is destroyed: half an answer must never look like a whole one. */
  | { readonly next: 'cut'; readonly rule: 'answer-begun' }

/** RFC 9110, section 9.2.1: asking again, or not at all, is the same to the server. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

export function verdict(attempt: FailedAttempt): Verdict {
  if (attempt.answer === 'begun') return { next: 'cut', rule: 'answer-begun' }
  if (attempt.sent === 'nothing') {
    if (attempt.attempts < attempt.attemptsMax) return { next: 'another-upstream', rule: 'nothing-sent' }
    return { next: 'refuse', rule: 'attempts-used-up', code: 'UNAVAILABLE' }
  }
  if (attempt.failure === 'client-stalled') return { next: 'refuse', rule: 'client-stalled', code: 'REQUEST_TIMEOUT' }
  const code = attempt.failure === 'silent' ? 'GATEWAY_TIMEOUT' : 'BAD_GATEWAY'
  return { next: 'refuse', rule: SAFE_METHODS.has(attempt.method) ? 'was-safe' : 'may-have-acted', code }
}
