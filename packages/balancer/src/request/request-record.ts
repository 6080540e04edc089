/**
 * The telemetry of one request: metrics, decisions, a line in the log when it is over, spans where a tracer is registered, and
 * Server-Timing for a browser's developer tools. It only records.
 */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { AccessLog, AccessRecord } from '../telemetry/access-log.ts'
import type { Decisions } from '../telemetry/decisions.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { ResentLog } from '../telemetry/resent-log.ts'
import { RequestTrace } from '../telemetry/tracing.ts'
import type { AttemptOutcome, Failure, RetryDecision } from './retry-decision.ts'
import type { Choice } from '../routing/routing.ts'
import type { Upstream } from '../upstreams/upstream.ts'

export interface RecordServices {
  readonly metrics: Metrics
  readonly decisions: Decisions
  readonly accessLog: AccessLog
  readonly resentLog: ResentLog
}

const SUCCESSES: ReadonlySet<AttemptOutcome['kind']> = new Set(['answered', 'upgraded', 'cancelled'])

export class RequestRecord implements AccessRecord {
  readonly requestId: string
  readonly #services: RecordServices
  readonly #request: IncomingMessage
  readonly #clientAddress: string
  readonly #beganAtMs = performance.now()
  #attemptBeganAtMs = this.#beganAtMs
  #attempts = 0
  #upstream: Upstream | undefined
  readonly #trace: RequestTrace | undefined

  constructor(services: RecordServices, request: IncomingMessage, requestId: string, clientAddress: string) {
    this.#services = services
    this.#request = request
    this.requestId = requestId
    this.#clientAddress = clientAddress
    this.#trace = RequestTrace.of(() => {
      const { method = '', headers } = request
      return { requestId, method, path: this.#path, headers }
    })
  }

  /** `headers` are those that go to the upstream. */
  routed({ upstream, why, because }: Choice, headers: OutgoingHttpHeaders): void {
    this.#attempts += 1
    this.#upstream = upstream
    this.#attemptBeganAtMs = performance.now()
    this.#trace?.attempt(upstream.name, this.#attempts, headers)
    this.#services.metrics.routed(why)
    this.#services.decisions.note('routing', why, this.requestId, upstream.name, because)
  }

  queued(decision: 'waits' | 'too-many-wait' | 'waited-in-vain', waitFor: Upstream | undefined): void {
    this.#services.decisions.note('queue', decision, this.requestId, waitFor?.name, undefined)
  }

  responded(): void {
    if (this.#upstream === undefined || this.#upstream.isGone) return
    this.#services.metrics.responded(this.#upstream.name, performance.now() - this.#attemptBeganAtMs)
  }

  attempted(upstream: Upstream, outcome: AttemptOutcome['kind']): void {
    this.#trace?.attempted(outcome, !SUCCESSES.has(outcome))
    // Its series would come back, and stay, or belong to another upstream that has its name now.
    if (!upstream.isGone) this.#services.metrics.attempted(upstream.name, outcome)
  }

  failed(upstream: Upstream, failure: Failure, decision: RetryDecision): void {
    const { metrics, decisions, resentLog } = this.#services
    metrics.ruled(decision.rule)
    if (decision.next === 'another-upstream') {
      metrics.retried(decision.rule)
      resentLog.note(upstream.name, failure.sent)
    }
    const because = `${decision.rule}: ${failure.kind}, ${failure.reason}`
    decisions.note('failure', decision.next, this.requestId, upstream.name, because)
  }

  over(code: string): void {
    this.#trace?.over(code)
    this.#services.metrics.answered(code)
    this.#services.accessLog.over(code, performance.now(), this)
  }

  describe(): object {
    const { method } = this.#request
    return {
      requestId: this.requestId,
      ...(this.#trace && { traceId: this.#trace.traceId }),
      client: this.#clientAddress,
      method,
      path: this.#path,
      upstream: this.#upstream?.name,
      attempts: this.#attempts,
      ms: Math.round((performance.now() - this.#beganAtMs) * 10) / 10,
    }
  }

  /** A query may hold secrets. */
  get #path(): string {
    return (this.#request.url ?? '').replace(/\?.*$/s, '')
  }

  /** `Server-Timing`, name and value by turns: all before the last attempt, and that attempt up to its answer. */
  timing(): readonly [string, string] {
    const before = (this.#attemptBeganAtMs - this.#beganAtMs).toFixed(1)
    const upstream = (performance.now() - this.#attemptBeganAtMs).toFixed(1)
    const name = this.#upstream?.name ?? ''
    const value = `balancer;dur=${before}, upstream;dur=${upstream};desc="${name}", attempts;desc="${this.#attempts}"`
    return ['Server-Timing', value]
  }
}
