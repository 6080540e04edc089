/**
 * The upstreams that a request has tried, and the next one: each upstream once, and when all were tried, once more those that may have
 * it again. An upstream that broke under the request never gets it again, not even after a restart: the request may have killed it.
 */
import type { CancelSignal } from '../queues/cancel-signal.ts'
import type { CapacityQueue } from '../queues/capacity-queue.ts'
import type { ErrorCode } from './error-answer.ts'
import type { OutageQueue } from '../queues/outage-queue.ts'
import type { Pool } from '../upstreams/pool.ts'
import type { RequestRecord } from './request-record.ts'
import type { RetryBudget } from './retry-budget.ts'
import { BREAKS_MAX, isSafe, replayRule, retryDecision } from './retry-decision.ts'
import type { FailedAttempt, Failure, RetryDecision } from './retry-decision.ts'
import type { Busy, Choice, Routing } from '../routing/routing.ts'
import type { UpstreamRequest } from './upstream-request.ts'
import type { Upstream } from '../upstreams/upstream.ts'

export interface RetryPlanServices {
  readonly pool: Pick<Pool, 'upstreams' | 'hasEligible' | 'hasSurvived'>
  readonly routing: Routing
  readonly budget: RetryBudget
  readonly capacity: CapacityQueue
  readonly outage: OutageQueue
  readonly config: { readonly attemptsMax: number }
}

/** No upstream is left, or none came in time: the error for the client. */
export interface Refusal {
  readonly refuse: ErrorCode
}

type Next = Choice | Refusal | 'abandoned'

/** The result of one look for an upstream. */
type Taken = Choice | Refusal | Busy | 'no-upstream'

const NO_UPSTREAMS: readonly Upstream[] = []

export class RetryPlan {
  readonly #services: RetryPlanServices
  readonly #request: UpstreamRequest
  readonly #record: Pick<RequestRecord, 'queued'>
  /** Empty lists are shared, and lists are replaced rather than grown: most requests have one attempt. */
  #tried: readonly Upstream[] = NO_UPSTREAMS
  /** Upstreams that may still be at it, broke under it, or would not recognise it: they don't get it again. */
  #excluded: readonly Upstream[] = NO_UPSTREAMS
  /** Attempts so far, without refused connections. */
  #attempts = 0
  /** Upstreams that broke under it or gave a malformed answer. */
  #broken: readonly Upstream[] = NO_UPSTREAMS
  /** Whether an upstream may have carried it out. */
  #wasSent = false
  #key: FailedAttempt['key']
  /** The error for the client when no upstream is left: how the last one that had the request failed. */
  #refusal: ErrorCode = 'UNAVAILABLE'
  /** Whether the budget has paid for the next attempt. */
  #isPaid = false
  #waitedForUpstream = false
  #hasAskedOfStale = false

  constructor(request: UpstreamRequest, record: Pick<RequestRecord, 'queued'>, services: RetryPlanServices) {
    this.#request = request
    this.#record = record
    this.#services = services
    this.#key = request.key
  }

  /**
   * The upstream of the next attempt, where a place is taken for it. Waits for capacity, or for an upstream while none is up, as long
   * as the queues allow or until the request is given up.
   */
  next(signal: CancelSignal): Next | Promise<Next> {
    if (signal.isCancelled) return 'abandoned'
    const { outage } = this.#services
    const isBehind = this.#attempts === 0 && outage.length > 0 && outage.isBehind(this.#request)
    const taken = isBehind ? 'no-upstream' : this.#take()
    return taken === 'no-upstream' || 'busy' in taken ? this.#wait(taken, signal) : taken
  }

  /** The names of the upstreams that broke under it. */
  get broken(): readonly string[] {
    return this.#broken.map(({ name }) => name)
  }

  /** From here on this upstream may carry it out. If it ignores keys, no other upstream can learn by the key that it did. */
  sent(upstream: Upstream): void {
    this.#wasSent = true
    if (!this.#request.isKnownAgainAt(upstream)) this.#key = 'none'
  }

  /**
   * Whether to try another upstream now, though this one may still answer: it has declined, or is lost. If so, the retry is taken from the
   * budget.
   */
  mayMove(upstream: Upstream, failure: Failure): boolean {
    // An upstream that is gone gets no more requests, whether or not there is another.
    if (upstream.isGone && failure.sent === 'nothing') return true
    const isOut = failure.kind === 'declined' ? this.#tried : this.#excluded
    const { upstreams } = this.#services.pool
    if (!upstreams.some((other) => other !== upstream && other.isEligible && !isOut.includes(other))) return false
    return this.#decide(failure, this.#broken.length + Number(isBreak(upstream, failure))).next === 'another-upstream'
  }

  /**
   * Whether only a stale connection failed: the upstream lives on in the same incarnation, so the request did not kill it. Checked once,
   * and only where the request has no other upstream.
   */
  async wasOnlyStale(upstream: Upstream): Promise<boolean> {
    if (this.#hasAskedOfStale || replayRule(this.#request.method, this.#key) === undefined) return false
    const { pool } = this.#services
    const isLast = this.#broken.length + 1 >= BREAKS_MAX
    const isOut = (other: Upstream) => other === upstream || this.#excluded.includes(other)
    if (!isLast && pool.upstreams.some((other) => other.isEligible && !isOut(other))) return false
    this.#hasAskedOfStale = true
    return await pool.hasSurvived(upstream)
  }

  /** What follows a failed attempt. `onlyStale`: it is not held against the upstream. */
  failed(upstream: Upstream, failure: Failure, onlyStale = false): RetryDecision {
    const { kind, sent } = failure
    if (kind === 'refused') this.#attempts -= 1
    if (sent === 'something') this.#refusal = kind === 'silent' ? 'GATEWAY_TIMEOUT' : 'BAD_GATEWAY'
    if (!onlyStale && sent === 'something' && kind !== 'declined') this.#excluded = [...this.#excluded, upstream]
    if (!onlyStale && isBreak(upstream, failure)) this.#broken = [...this.#broken, upstream]
    const decision = this.#decide(failure, this.#broken.length)
    const isUnavailable = decision.next === 'refuse' && decision.code === 'UNAVAILABLE'
    return isUnavailable ? { ...decision, code: this.#unavailable } : decision
  }

  /** That no upstream is left says that nothing was done only where no attempt before may have done it. */
  get #unavailable(): ErrorCode {
    return isSafe(this.#request.method) ? 'UNAVAILABLE' : this.#refusal
  }

  /** The request is over: the next of its session may leave the outage queue. */
  over(): void {
    if (this.#waitedForUpstream) this.#services.outage.over(this.#request)
  }

  /** `isPatient`: while the upstream that it prefers is full, it waits for that one. */
  #take(isPatient = true): Taken {
    const { pool, routing } = this.#services
    for (;;) {
      const picked = routing.pick(this.#request.cookie, this.#tried, isPatient)
      if (picked === undefined) {
        if (this.#isExcludedEverywhere()) return { refuse: this.#refusal }
        if (!pool.hasEligible()) return 'no-upstream'
        if (!this.#mayGoRound()) return { refuse: this.#refusal }
        this.#startAnew()
        continue
      }
      if ('busy' in picked) return picked
      const { upstream } = picked
      this.#tried = [...this.#tried, upstream]
      if (this.#wasSent && !this.#mayHaveAgain(upstream)) {
        this.#excluded = [...this.#excluded, upstream]
        continue
      }
      this.#attempts += 1
      this.#isPaid = false
      upstream.entered()
      return picked
    }
  }

  async #wait(first: 'no-upstream' | Busy, signal: CancelSignal): Promise<Next> {
    let taken: Taken | 'abandoned' = first
    for (;;) {
      if (taken === 'abandoned') return taken
      if (taken === 'no-upstream') taken = await this.#waitForUpstream(signal)
      else if ('busy' in taken) taken = await this.#waitForCapacity(taken, signal)
      else return taken
    }
  }

  async #waitForCapacity({ busy, line }: Busy, signal: CancelSignal): Promise<Taken | 'abandoned'> {
    let taken: Taken | undefined
    const offer = () => {
      const offered = this.#take()
      if (isBusy(offered)) return false
      taken = offered
      return true
    }
    const waiter = { sinceMs: this.#request.beganAtMs, line: this.#lineIn(line), offer }
    const wait = this.#services.capacity.join(waiter, signal)
    this.#record.queued(wait === undefined ? 'too-many-wait' : 'waits', busy)
    if ((await wait) === 'abandoned') return 'abandoned'
    taken ??= this.#take(false)
    if (!isBusy(taken)) return taken
    this.#record.queued('waited-in-vain', taken.busy)
    return { refuse: this.#unavailable }
  }

  async #waitForUpstream(signal: CancelSignal): Promise<Taken | 'abandoned'> {
    const { outage, pool } = this.#services
    this.#waitedForUpstream = true
    const wait = outage.join(this.#request, signal)
    this.#record.queued(wait === undefined ? 'too-many-wait' : 'waits', undefined)
    const outcome = await wait
    if (outcome === 'abandoned') return outcome
    if (outcome === undefined) return { refuse: this.#unavailable }
    if (outcome === 'expired' && !pool.hasEligible()) {
      this.#record.queued('waited-in-vain', undefined)
      return { refuse: this.#unavailable }
    }
    this.#startAnew()
    return this.#take()
  }

  /** Requests with the same line can use the same upstreams. */
  #lineIn(line: string): string {
    if (this.#tried.length === 0 && !this.#wasSent) return line
    const out = this.#tried.map((upstream) => `${upstream.url}${this.#excluded.includes(upstream) ? ' for good' : ''}`)
    return [line, this.#wasSent ? 'again' : 'new', ...out.sort()].join(' ')
  }

  /** Takes from the budget once between two attempts, however often it is called. */
  #decide({ kind: failure, sent, answer }: Failure, breaks: number): RetryDecision {
    const { method, isWhole, deadlineAtMs } = this.#request
    const { budget, config } = this.#services
    const nowMs = performance.now()
    const decision = retryDecision({
      method,
      key: this.#key,
      failure,
      sent,
      answer,
      body: isWhole ? 'whole' : 'not-kept',
      breaks,
      attempts: this.#attempts,
      attemptsMax: config.attemptsMax,
      budget: this.#isPaid || budget.left(nowMs) ? 'left' : 'spent',
      late: nowMs >= deadlineAtMs,
    })
    if (decision.next === 'another-upstream' && sent === 'something' && !this.#isPaid) {
      budget.spend()
      this.#isPaid = true
    }
    return decision
  }

  /** Also of an upstream that was removed meanwhile and added again. */
  #mayHaveAgain(upstream: Upstream): boolean {
    if (this.#broken.some(({ url }) => url === upstream.url)) return false
    return this.#request.isKnownAgainAt(upstream)
  }

  #startAnew(): void {
    this.#tried = this.#excluded
  }

  /** Whether waiting is useless, because no present upstream may have it. */
  #isExcludedEverywhere(): boolean {
    const { upstreams } = this.#services.pool
    return this.#excluded.length > 0 && upstreams.every((upstream) => this.#excluded.includes(upstream))
  }

  /** An upstream is up, and failed only for this request. */
  #mayGoRound(): boolean {
    const { pool, config } = this.#services
    if (this.#attempts >= config.attemptsMax) return false
    return pool.upstreams.some((upstream) => upstream.isEligible && !this.#excluded.includes(upstream))
  }
}

function isBusy(taken: Taken): taken is Busy {
  return typeof taken === 'object' && 'busy' in taken
}

/** Whether the request may have killed the upstream, or made it answer junk. */
function isBreak({ standing }: Upstream, { kind, sent }: Failure): boolean {
  if (sent === 'nothing') return false
  return kind === 'broken' || kind === 'stale' || kind === 'junk' || (kind === 'lost' && standing === 'down')
}
