/**
 * One client's request and its answer: the way of a request through the balancer. It is prepared once and then tried at one upstream
 * after the other, until one of them has answered or there is a reason to stop. In every case the client gets one whole answer, or a
 * connection that visibly broke.
 *
 * The exchange ends when the answer has left or the client is gone, and reports its end exactly once.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { attempt } from './attempt.ts'
import type { AttemptTimeouts } from './attempt.ts'
import { CancelSignal } from '../queues/cancel-signal.ts'
import { ClientAnswer } from './client-answer.ts'
import type { ClientAnswerOptions, ClientAnswerServices } from './client-answer.ts'
import { isServersFault } from './error-answer.ts'
import type { ErrorCode } from './error-answer.ts'
import { requestIdFrom } from './header-rewriting.ts'
import type { ClientOrigin } from './header-rewriting.ts'
import type { Pool } from '../upstreams/pool.ts'
import { RequestRecord } from './request-record.ts'
import type { RecordServices } from './request-record.ts'
import type { Failure, RetryDecision } from './retry-decision.ts'
import { RetryPlan } from './retry-plan.ts'
import type { RetryPlanServices } from './retry-plan.ts'
import type { Transport } from '../transports/transport.ts'
import { UpstreamRequest } from './upstream-request.ts'
import type { UpstreamRequestConfig } from './upstream-request.ts'
import type { Upstream } from '../upstreams/upstream.ts'

export interface ExchangeServices extends RecordServices, RetryPlanServices, ClientAnswerServices {
  readonly config: RetryPlanServices['config'] &
    AttemptTimeouts &
    UpstreamRequestConfig & { readonly serverTiming: boolean }
  readonly pool: Pool
  readonly transport: Transport
  readonly log: Logger
}

export interface ExchangeOptions extends ClientAnswerOptions {
  readonly client: ClientOrigin
  readonly over: () => void
}

export class Exchange {
  readonly #services: ExchangeServices
  readonly #options: ExchangeOptions
  readonly #request: IncomingMessage
  readonly #record: RequestRecord
  readonly #answer: ClientAnswer
  /** Cancelled when nothing more is to be tried. */
  readonly #signal = new CancelSignal()
  #isOver = false

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    services: ExchangeServices,
    options: ExchangeOptions,
  ) {
    const { client } = options
    this.#services = services
    this.#options = options
    this.#request = request
    const requestId = requestIdFrom(request.headers, client) ?? randomUUID()
    this.#record = new RequestRecord(services, request, requestId, client.address)
    this.#answer = new ClientAnswer(request, response, this.#record, services, options)
    response.on('finish', () => this.#end(String(response.statusCode)))
  }

  /** Whether the whole request is here, so that the next bytes on its connection belong to another. */
  get received(): boolean {
    return this.#request.complete
  }

  begin(): void {
    const { config, pool, budget } = this.#services
    const { client, join, awaitsContinue = false } = this.#options
    const { requestId } = this.#record
    const websocket = join !== undefined
    const about = { client, requestId, websocket, awaitsContinue, routes: pool.keyedRoutes, config }
    const outgoing = UpstreamRequest.from(this.#request, about)
    if (typeof outgoing === 'string') return this.refuse(outgoing)
    if (outgoing.isLast) this.#answer.isLast()
    budget.request()
    // By then the bytes that came with the header are here.
    if (!outgoing.hasBody) this.#answer.goOn()
    if (outgoing.hasBody && !awaitsContinue) process.nextTick(() => void this.#pass(outgoing))
    else void this.#pass(outgoing)
  }

  /** The client is gone, and its connection with it. */
  abandon(): void {
    if (this.#isOver) return
    this.#signal.cancel()
    this.#end('client-left')
  }

  /** Answers with an error of the balancer's own, or breaks the connection where an answer has begun. */
  refuse(code: ErrorCode): void {
    if (this.#isOver) return
    this.#signal.cancel()
    if (this.#answer.begun) return this.#cut()
    const status = this.#answer.refuse(code)
    const { requestId } = this.#record
    this.#services.log[isServersFault(code) ? 'warn' : 'debug']({ requestId, status, code }, 'refused')
    this.#discardRest()
  }

  /** The way of the request, until it is answered. */
  async #pass(request: UpstreamRequest): Promise<void> {
    const { transport, config: timeouts } = this.#services
    const signal = this.#signal
    const answer = this.#answer
    const record = this.#record
    const plan = new RetryPlan(request, record, this.#services)
    if (!request.expectsContinue) request.body?.take()
    try {
      for (;;) {
        const taken = plan.next(signal)
        // Most requests find a place at once, and an await would cost more than the look.
        const next = taken instanceof Promise ? await taken : taken
        if (next === 'abandoned') return
        if ('refuse' in next) return this.refuse(next.refuse)
        record.routed(next, request.headers)
        const outcome = await attempt(next, { request, answer, plan, timeouts, transport, signal })
        record.attempted(next.upstream, outcome.kind)
        if (outcome.kind === 'answered') return this.#discardRest()
        if (outcome.kind === 'upgraded') return this.#end('101')
        if (outcome.kind === 'cancelled' || signal.isCancelled) return
        const onlyStale = outcome.kind === 'stale' && (await plan.wasOnlyStale(next.upstream))
        if (signal.isCancelled) return
        const decision = this.#afterFailure(plan, next.upstream, outcome, onlyStale)
        if (decision.next === 'refuse') return this.refuse(decision.code)
        if (decision.next === 'cut') return this.#cut()
      }
    } finally {
      plan.over()
    }
  }

  #afterFailure(plan: RetryPlan, upstream: Upstream, failure: Failure, onlyStale: boolean): RetryDecision {
    const { pool, log } = this.#services
    const { kind, reason } = failure
    if (kind === 'refused') pool.refused(upstream, reason)
    else if (kind !== 'client-stalled' && kind !== 'lost') pool.suspect(upstream)
    const decision = plan.failed(upstream, failure, onlyStale)
    this.#record.failed(upstream, failure, decision)
    const { requestId } = this.#record
    log.debug({ requestId, upstream: upstream.name, ...failure, ...decision }, 'attempt failed')
    if (decision.rule === 'poison') {
      log.error({ event: 'poison-request', ...this.#record.describe(), broken: plan.broken, reason })
    }
    return decision
  }

  /** The rest of the client's request is discarded; it must be read before the next request. */
  #discardRest(): void {
    if (!this.#request.complete) this.#request.resume()
  }

  #cut(): void {
    this.#answer.cut()
    this.#end('cut')
  }

  #end(code: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#record.over(code)
    this.#options.over()
  }
}
