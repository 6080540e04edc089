/**
 * Where a request has been, and where it goes next: to each upstream once, and when all were tried, once more to those that may
 * have it again.
 */
import type { Failure } from './attempt.ts'
import type { ErrorCode } from './error-answer.ts'
import type { PassedRequest } from './passed-request.ts'
import type { Pool } from './pool.ts'
import type { RetryBudget } from './retry-budget.ts'
import type { Busy, Choice, Routing } from './routing.ts'
import type { Upstream } from './upstream.ts'
import { verdict } from './verdict.ts'
import type { FailedAttempt, Verdict } from './verdict.ts'

export interface ItineraryServices {
  readonly pool: Pool
  readonly routing: Routing
  readonly budget: RetryBudget
  readonly config: { readonly attemptsMax: number }
}

export class Itinerary {
  readonly #services: ItineraryServices
  readonly #passed: PassedRequest
  #tried: Upstream[] = []
  /** Those that may still be at it, or would not know it again: they don't get it a second time. */
  #notAgain: Upstream[] | undefined
  /** But for those that were refused at once. */
  attempts = 0
  #wasSent = false
  #key: FailedAttempt['key']
  /** What the client is told when nobody is left: how the last one that had the request failed. */
  refusal: ErrorCode = 'UNAVAILABLE'

  constructor(passed: PassedRequest, services: ItineraryServices) {
    this.#passed = passed
    this.#services = services
    this.#key = passed.key
  }

  /** Whether an upstream may have acted on it. */
  get wasSent(): boolean {
    return this.#wasSent
  }

  /** This one may act on it from here on. If it does not look at keys, no other can know by the key that it did. */
  sent(upstream: Upstream): void {
    this.#wasSent = true
    if (!this.#passed.isKnownAgainAt(upstream)) this.#key = 'none'
  }

  /** 'no-node': none is up. 'nobody': all that are had their chance. */
  next(patient: boolean): Choice | Busy | 'no-node' | 'nobody' {
    for (;;) {
      const picked = this.#services.routing.pick(this.#passed.cookie, this.#tried, patient)
      if (picked !== undefined && 'busy' in picked) return picked
      if (picked === undefined) {
        if (!this.#services.pool.hasOther(undefined)) return 'no-node'
        if (!this.#mayGoRound()) return 'nobody'
        this.startAnew()
      } else if (this.wasSent && !this.#passed.isKnownAgainAt(picked.upstream)) {
        this.exclude(picked.upstream)
        this.#tried.push(picked.upstream)
      } else {
        this.#tried.push(picked.upstream)
        this.attempts += 1
        return picked
      }
    }
  }

  /** What would follow such a failure. */
  ruling({ kind: failure, sent, answer }: Failure): Verdict {
    const { method, isWhole, deadlineAtMs } = this.#passed
    const { budget, config } = this.#services
    const nowMs = performance.now()
    return verdict({
      method,
      key: this.#key,
      failure,
      sent,
      answer,
      body: isWhole ? 'whole' : 'not-kept',
      attempts: this.attempts,
      attemptsMax: config.attemptsMax,
      budget: budget.left(nowMs) ? 'left' : 'spent',
      late: nowMs >= deadlineAtMs,
    })
  }

  failed(upstream: Upstream, failure: Failure): Verdict {
    if (failure.kind === 'refused') this.attempts -= 1
    if (failure.sent === 'something') this.refusal = failure.kind === 'silent' ? 'GATEWAY_TIMEOUT' : 'BAD_GATEWAY'
    // It has lost the connection, and not necessarily what came over it.
    if (failure.kind === 'silent') this.exclude(upstream)
    return this.ruling(failure)
  }

  /** Whether one that declines is to be left for another. */
  mayLeave(upstream: Upstream): boolean {
    if (!this.#hasUntried(upstream)) return false
    return this.ruling({ kind: 'declined', reason: '', sent: 'something', answer: 'none' }).next === 'another-upstream'
  }

  exclude(upstream: Upstream): void {
    this.#notAgain ??= []
    this.#notAgain.push(upstream)
  }

  /** Whether somebody besides this upstream may be asked now. */
  hasElsewhere(upstream: Upstream): boolean {
    return this.#services.pool.upstreams.some(
      (other) => other !== upstream && other.isTrusted && this.#notAgain?.includes(other) !== true,
    )
  }

  /** Whether somebody besides this upstream was not asked yet. */
  #hasUntried(upstream: Upstream): boolean {
    return this.#services.pool.upstreams.some(
      (other) => other !== upstream && other.isTrusted && !this.#tried.includes(other),
    )
  }

  startAnew(): void {
    this.#tried = this.#notAgain === undefined ? [] : [...this.#notAgain]
  }

  /** An upstream is up, and only this request found it wanting. */
  #mayGoRound(): boolean {
    const { pool, config } = this.#services
    if (this.attempts >= config.attemptsMax) return false
    return pool.upstreams.some((upstream) => upstream.isTrusted && this.#notAgain?.includes(upstream) !== true)
  }
}
