/**
 * Where a request has been, and where it goes next: to each upstream once, and when all were tried, once more to those that may
 * have it again. An upstream that broke under the request never gets it again, not even after a restart: the request may
 * be what killed it.
 */
import type { CancelSignal } from '../queues/cancel-signal.ts'
import type { CapacityQueue } from '../queues/capacity-queue.ts'
import type { ErrorCode } from './error-answer.ts'
import type { OutageQueue } from '../queues/outage-queue.ts'
import type { Pool } from '../upstreams/pool.ts'
import type { RequestRecord } from './request-record.ts'
import type { RetryBudget } from './retry-budget.ts'
import { BREAKS_MAX, replayRule, retryDecision } from './retry-decision.ts'
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

/** No upstream is left, or none came in time: what the client is told. */
export interface Refusal {
  readonly refuse: ErrorCode
}

type Next = Choice | Refusal | 'abandoned'

/** What there is for a request at one moment. */
type Taken = Choice | Refusal | Busy | 'no-upstream'

const NO_UPSTREAMS: readonly Upstream[] = []

export class RetryPlan {
  readonly #services: RetryPlanServices
  readonly #request: UpstreamRequest
  readonly #record: Pick<RequestRecord, 'queued'>
  /** Empty lists are shared, and lists are replaced rather than grown: most requests have one attempt. */
  #tried: readonly Upstream[] = NO_UPSTREAMS
  /** They may still be at it, broke under it, or would not know it again: they don't get it a second time. */
  #excluded: readonly Upstream[] = NO_UPSTREAMS
  /** Attempts so far, but for those that were refused at once. */
  #attempts = 0
  /** Upstreams that broke under it, or came to junk. */
  #broken: readonly Upstream[] = NO_UPSTREAMS
  /** Whether an upstream may have acted on it. */
  #wasSent = false
  #key: FailedAttempt['key']
  /** What the client is told when no upstream is left: how the last one that had the request failed. */
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

  /** This upstream may act on it from here on. If it does not look at keys, no other can know by the key that it did. */
  sent(upstream: Upstream): void {
    this.#wasSent = true
    if (!this.#request.isKnownAgainAt(upstream)) this.#key = 'none'
  }

  /**
   * Whether the request had better go to another upstream now, though this one may still answer: it has declined, or is lost. If so,
   * the budget has paid for that.
   */
  mayMove(upstream: Upstream, failure: Failure): boolean {
    const isOut = failure.kind === 'declined' ? this.#tried : this.#excluded
    const { upstreams } = this.#services.pool
    if (!upstreams.some((other) => other !== upstream && other.isEligible && !isOut.includes(other))) return false
    return this.#decide(failure, this.#broken.length + Number(isBreak(upstream, failure))).next === 'another-upstream'
  }

  /**
   * Whether a stale connection was all that failed. It is asked once, and only where the request could go nowhere else: the upstream
   * lives on as it was, so the request did not kill it.
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
    if (onlyStale) return this.#decide(failure, this.#broken.length)
    if (sent === 'something' && kind !== 'declined') this.#excluded = [...this.#excluded, upstream]
    if (isBreak(upstream, failure)) this.#broken = [...this.#broken, upstream]
    return this.#decide(failure, this.#broken.length)
  }

  /** The request is over: others of its session may have waited for that. */
  over(): void {
    if (this.#waitedForUpstream) this.#services.outage.over(this.#request)
  }

  /** `isPatient`: where the upstream that it prefers is full, it may wait for that one. */
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
    return { refuse: 'UNAVAILABLE' }
  }

  async #waitForUpstream(signal: CancelSignal): Promise<Taken | 'abandoned'> {
    const { outage, pool } = this.#services
    this.#waitedForUpstream = true
    const wait = outage.join(this.#request, signal)
    this.#record.queued(wait === undefined ? 'too-many-wait' : 'waits', undefined)
    const outcome = await wait
    if (outcome === 'abandoned') return outcome
    if (outcome === undefined) return { refuse: 'UNAVAILABLE' }
    if (outcome === 'expired' && !pool.hasEligible()) {
      this.#record.queued('waited-in-vain', undefined)
      return { refuse: 'UNAVAILABLE' }
    }
    this.#startAnew()
    return this.#take()
  }

  /** Requests of which the same is true can use the same places. */
  #lineIn(line: string): string {
    if (this.#tried.length === 0 && !this.#wasSent) return line
    const out = this.#tried.map((upstream) => `${upstream.url}${this.#excluded.includes(upstream) ? ' for good' : ''}`)
    return [line, this.#wasSent ? 'again' : 'new', ...out.sort()].join(' ')
  }

  /** As often as it is asked between two attempts, the budget pays once. */
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

  /** Whether waiting is no use: no upstream that there is may have it. */
  #isExcludedEverywhere(): boolean {
    const { upstreams } = this.#services.pool
    return this.#excluded.length > 0 && upstreams.every((upstream) => this.#excluded.includes(upstream))
  }

  /** An upstream is up, and only this request found it wanting. */
  #mayGoRound(): boolean {
    const { pool, config } = this.#services
    if (this.#attempts >= config.attemptsMax) return false
    return pool.upstreams.some((upstream) => upstream.isEligible && !this.#excluded.includes(upstream))
  }
}

function isBusy(taken: Taken): taken is Busy {
  return typeof taken === 'object' && 'busy' in taken
}

/** Whether the request may be what the upstream died of, or could not answer. */
function isBreak({ standing }: Upstream, { kind, sent }: Failure): boolean {
  if (sent === 'nothing') return false
  return kind === 'broken' || kind === 'stale' || kind === 'junk' || (kind === 'lost' && standing === 'down')
}
