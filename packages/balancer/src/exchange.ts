/**
 * One client's request and its answer. The exchange owns the attempts, one at a time, and it alone says what the client is
 * answered: whatever an attempt meets, the client gets one whole answer, or a connection that visibly broke.
 *
 * It is over once the answer has left or the client has, and says so exactly once.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Attempt } from './attempt.ts'
import type { AttemptOwner, Failure } from './attempt.ts'
import { ClientAnswer } from './client-answer.ts'
import { isServersFault } from './error-answer.ts'
import type { ErrorCode } from './error-answer.ts'
import { requestIdFrom } from './header-rewriting.ts'
import { Itinerary } from './itinerary.ts'
import type { ExchangeOptions, ExchangeServices } from './exchange-services.ts'
import { PassedRequest } from './passed-request.ts'
import type { Waiter } from './queue.ts'
import { RequestRecord } from './request-record.ts'
import type { Choice } from './routing.ts'
import type { AnswerHead } from './transport.ts'
import type { TunnelEnd } from './tunnels.ts'
import type { Holder, Upstream } from './upstream.ts'
import { isSafe } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import type { RoomGuest } from './waiting-room.ts'

export class Exchange implements AttemptOwner, Waiter, RoomGuest, Holder {
  readonly #services: ExchangeServices
  readonly #options: ExchangeOptions
  readonly #request: IncomingMessage
  readonly #record: RequestRecord
  readonly #answer: ClientAnswer
  #passed: PassedRequest | undefined
  #itinerary: Itinerary | undefined
  #attempt: Attempt | undefined
  #fields: readonly string[] = []
  #waits: 'no' | 'for-room' | 'for-a-node' = 'no'
  #waitedSinceMs: number | undefined
  #over = false

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    services: ExchangeServices,
    options: ExchangeOptions,
  ) {
    const { client, answerFields } = options
    this.#services = services
    this.#options = options
    this.#request = request
    const requestId = requestIdFrom(request.headers, client) ?? randomUUID()
    this.#record = new RequestRecord(services, request, requestId, client.address)
    const { draining } = services
    this.#answer = new ClientAnswer(request, response, {
      requestId,
      fields: answerFields,
      secure: client.secure,
      draining,
    })
    response.on('finish', () => this.#end(String(response.statusCode)))
  }

  /** Whether all of the request is here, so that what comes next on its connection is none of it. */
  get received(): boolean {
    return this.#request.complete
  }

  /** Whether its answer has begun. */
  get answering(): boolean {
    return this.#answer.begun
  }

  get session(): string | undefined {
    return this.#passed?.session
  }

  get heldBytes(): number {
    return this.#passed?.heldBytes ?? 0
  }

  begin(): void {
    const { config, pool, budget } = this.#services
    const { client, join } = this.#options
    const { requestId } = this.#record
    const about = { client, requestId, websocket: join !== undefined, routes: pool.keyedRoutes, config }
    const passed = PassedRequest.from(this.#request, about)
    if (typeof passed === 'string') return this.refuse(passed)
    if (passed.isLast) this.#answer.isLast()
    this.#passed = passed
    this.#itinerary = new Itinerary(passed, this.#services)
    budget.request()
    // What came with the header is here by then.
    if (passed.body !== undefined && this.#options.awaitsContinue !== true) process.nextTick(() => this.#setOut())
    else this.#setOut()
  }

  #setOut(): void {
    // Refused meanwhile, for what came behind the header.
    if (this.#over || this.#answer.begun) return
    const { room } = this.#services
    this.#passed?.body?.take()
    if (room.length > 0 && room.isBehind(this)) this.#waitForNode()
    else this.#tryNext()
  }

  /** The client is gone, and its connection with it. */
  abandon(): void {
    if (this.#over) return
    this.#stopWaiting()
    this.#cancelAttempt()
    this.#end('client-left')
  }

  /** Answers with an error of the balancer's own, or breaks the connection where an answer has begun. */
  refuse(code: ErrorCode): void {
    if (this.#over) return
    this.#stopWaiting()
    this.#cancelAttempt()
    if (this.#answer.begun) return this.#cut()
    const { log } = this.#services
    const status = this.#answer.refuse(code, this.#itinerary?.wasSent === true && !isSafe(this.#request.method ?? ''))
    log[isServersFault(code) ? 'warn' : 'debug']({ requestId: this.#record.requestId, status, code }, 'refused')
    this.#discardRest()
  }

  sending(): void {
    if (this.#attempt !== undefined) this.#itinerary?.sent(this.#attempt.upstream)
    if (this.#options.awaitsContinue === true) this.#answer.goOn()
  }

  /** Only for one that was not asked yet: the last to decline is heard in its own words. */
  mayLeave(upstream: Upstream): boolean {
    return this.#itinerary?.mayLeave(upstream) === true
  }

  answered(head: AnswerHead): void {
    this.#passed?.body?.forget()
    this.#record.responded()
    this.#answer.begin(head, this.#ownFields())
  }

  piece(piece: Buffer): boolean {
    return this.#answer.write(piece, () => this.#attempt?.resume())
  }

  completed(upstream: Upstream): void {
    this.#attemptEnded(upstream, 'answered')
    this.#answer.end()
    this.#discardRest()
  }

  upgraded(upstream: Upstream, head: AnswerHead, end: TunnelEnd): void {
    this.#record.responded()
    this.#attemptEnded(upstream, 'upgraded')
    this.#answer.upgrade(head, this.#ownFields())
    this.#options.join?.(upstream, end)
    this.#end('101')
  }

  failed(upstream: Upstream, failure: Failure): void {
    const { pool } = this.#services
    this.#attemptEnded(upstream, failure.kind)
    if (failure.kind === 'refused') pool.refused(upstream, failure.reason)
    else if (failure.kind !== 'client-stalled') pool.suspect(upstream)
    const ruling = this.#itinerary?.failed(upstream, failure)
    if (ruling !== undefined) this.#follow(upstream, failure, ruling)
  }

  lost(upstream: Upstream, reason: string): void {
    const failure = this.#attempt?.asLost(reason)
    if (failure === undefined) return
    const ruling = this.#itinerary?.ruling(failure)
    // Its answer may come yet, so it stays unless there is somewhere better to go.
    if (ruling?.next !== 'another-upstream' || this.#itinerary?.hasElsewhere(upstream) !== true) return
    this.#attempt?.cancel()
    this.#attemptEnded(upstream, failure.kind)
    if (failure.sent === 'something') this.#itinerary?.exclude(upstream)
    this.#follow(upstream, failure, ruling)
  }

  /** There is room now, or whom it waited for is not what it was. */
  admitted(): void {
    this.#waits = 'no'
    this.#tryNext()
  }

  /** It has waited for the upstream that it prefers, and now goes to any that has room. */
  expired(): void {
    this.#waits = 'no'
    this.#tryNext(false)
  }

  released(): void {
    this.#waits = 'no'
    this.#itinerary?.startAnew()
    this.#tryNext()
  }

  gaveUp(): void {
    if (this.#services.pool.hasOther(undefined)) return this.released()
    this.#waits = 'no'
    this.#waitedInVain(undefined)
  }

  #follow(upstream: Upstream, failure: Failure, ruling: Verdict): void {
    const { log, budget } = this.#services
    this.#record.failed(upstream, failure, ruling)
    log.debug({ requestId: this.#record.requestId, upstream: upstream.name, ...failure, ...ruling }, 'attempt failed')
    switch (ruling.next) {
      case 'another-upstream':
        if (failure.sent === 'something') budget.spend()
        return this.#tryNext()
      case 'refuse':
        return this.refuse(ruling.code)
      case 'cut':
        return this.#cut()
    }
  }

  /** `patient`: where the upstream that it prefers is full, it may wait for it. */
  #tryNext(patient = true): void {
    const next = this.#itinerary?.next(patient) ?? 'nobody'
    if (next === 'nobody') return this.refuse(this.#itinerary?.refusal ?? 'UNAVAILABLE')
    if (next === 'no-node') return this.#waitForNode()
    if (!('busy' in next)) return this.#try(next)
    if (!patient) return this.#waitedInVain(next.busy)
    const waits = this.#services.queue.join(this, next.busy)
    this.#record.queued(waits ? 'waits' : 'too-many-wait', next.busy)
    if (waits) this.#waits = 'for-room'
    else this.#tryNext(false)
  }

  #waitedInVain(waitFor: Upstream | undefined): void {
    this.#record.queued('waited-in-vain', waitFor)
    this.refuse('UNAVAILABLE')
  }

  #waitForNode(): void {
    this.#waitedSinceMs ??= performance.now()
    const waits = this.#services.room.join(this, this.#waitedSinceMs)
    this.#record.queued(waits ? 'waits' : 'too-many-wait', undefined)
    if (waits) this.#waits = 'for-a-node'
    else this.refuse('UNAVAILABLE')
  }

  #try(choice: Choice): void {
    const { transport, config } = this.#services
    const { upstream, fields } = choice
    if (this.#passed === undefined) return
    this.#record.routed(choice)
    this.#fields = fields
    upstream.holders.add(this)
    this.#attempt = new Attempt(upstream, this.#passed, this, config)
    this.#attempt.begin(transport)
  }

  #stopWaiting(): void {
    if (this.#waits === 'for-room') this.#services.queue.leave(this)
    else if (this.#waits === 'for-a-node') this.#services.room.leave(this)
    this.#waits = 'no'
  }

  #attemptEnded(upstream: Upstream, outcome: Failure['kind'] | 'answered' | 'upgraded' | 'cancelled'): void {
    this.#attempt = undefined
    upstream.holders.delete(this)
    this.#record.attempted(upstream, outcome)
  }

  #cancelAttempt(): void {
    const attempt = this.#attempt
    if (attempt === undefined) return
    attempt.cancel()
    this.#attemptEnded(attempt.upstream, 'cancelled')
  }

  #ownFields(): readonly string[] {
    return this.#services.config.serverTiming ? [...this.#fields, ...this.#record.timing()] : this.#fields
  }

  /** What the client still sends of its request is of no use, but must be out of the way before the next one. */
  #discardRest(): void {
    if (this.#passed?.body !== undefined) this.#passed.body.discard()
    else if (!this.#request.complete) this.#request.resume()
  }

  #cut(): void {
    this.#answer.cut()
    this.#end('cut')
  }

  #end(code: string): void {
    if (this.#over) return
    this.#over = true
    this.#record.over(code)
    if (this.#waitedSinceMs !== undefined) this.#services.room.over(this)
    this.#options.over(this)
  }
}
