/**
 * One client's request and its answer. The exchange owns the attempts, one at a time, and it alone writes to the client's
 * response: whatever an attempt meets, the client gets one whole answer, or a connection that visibly broke.
 *
 * It is over once the answer has left or the client has, and says so exactly once.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { Attempt } from './attempt.ts'
import type { AttemptOwner, AttemptRequest, AttemptTimeouts, Failure } from './attempt.ts'
import { errorAnswer, isClientsFault } from './error-answer.ts'
import type { ErrorCode } from './error-answer.ts'
import { hasBodyOfNoMeaning } from './framing.ts'
import { answerHeaders, requestHeaders, requestIdFrom } from './header-rewriting.ts'
import type { ClientOrigin } from './header-rewriting.ts'
import type { Pool } from './pool.ts'
import type { RoomQueue, Waiter } from './queue.ts'
import { RequestRecord } from './request-record.ts'
import type { RecordServices } from './request-record.ts'
import { hasBody, requestTarget } from './request-target.ts'
import type { Choice, Routing } from './routing.ts'
import type { Transport } from './transport.ts'
import type { TunnelEnd } from './tunnels.ts'
import type { Upstream } from './upstream.ts'
import { verdict } from './verdict.ts'
import type { Verdict } from './verdict.ts'

export interface ExchangeServices extends RecordServices {
  readonly config: AttemptTimeouts & { readonly attemptsMax: number; readonly serverTiming: boolean }
  readonly transport: Transport
  readonly pool: Pool
  readonly routing: Routing
  readonly queue: RoomQueue
  readonly log: Logger
  /** Whether each answer is to be its connection's last. */
  readonly draining: () => boolean
}

export interface ExchangeOptions {
  readonly client: ClientOrigin
  /** Names and values by turns: what every answer on this connection says. */
  readonly answerFields?: readonly string[]
  /** The client sends its body only after 100 Continue. */
  readonly awaitsContinue?: boolean
  /** Makes one of the client's connection and the upstream's, once the client was told. Absent: this is no upgrade. */
  readonly join?: (upstream: Upstream, end: TunnelEnd) => void
  readonly over: (exchange: Exchange) => void
}

export class Exchange implements AttemptOwner, Waiter {
  readonly #services: ExchangeServices
  readonly #options: ExchangeOptions
  readonly #response: ServerResponse
  readonly #what: AttemptRequest
  readonly #record: RequestRecord
  readonly #accept: string | undefined
  readonly #cookie: string | undefined
  readonly #tried: Upstream[] = []
  #attempt: Attempt | undefined
  #fields: readonly string[] = []
  /** Whether it waits for room. */
  #queued = false
  #over = false

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    services: ExchangeServices,
    options: ExchangeOptions,
  ) {
    this.#services = services
    this.#options = options
    this.#response = response
    this.#what = { request, response, hasBody: hasBody(request), websocket: options.join !== undefined }
    const requestId = requestIdFrom(request.headers, options.client) ?? randomUUID()
    this.#record = new RequestRecord(services, request, requestId, options.client.address)
    this.#accept = request.headers.accept
    this.#cookie = request.headers.cookie
    response.on('finish', () => this.#end(String(response.statusCode)))
  }

  /** Whether all of the request is here, so that what comes next on its connection is none of it. */
  get received(): boolean {
    return this.#what.request.complete
  }

  /** Whether its answer has begun. */
  get answering(): boolean {
    return this.#response.headersSent
  }

  begin(): void {
    const { request, websocket } = this.#what
    const target = requestTarget(request)
    if (typeof target === 'string') return this.refuse(target)
    const { client } = this.#options
    const last = hasBodyOfNoMeaning(request)
    const forwarding = { client, host: target.host, requestId: this.#record.requestId, websocket, last }
    if (last) this.#response.shouldKeepAlive = false
    // http-proxy copies the header and the path from the request. They are settled here, once for all attempts, because
    // a header set on the outgoing request throws when that had to wait for a connection.
    request.url = target.path
    request.headers = requestHeaders(request.headers, forwarding) as IncomingHttpHeaders
    this.#tryNext()
  }

  /** The client is gone, and its connection with it. */
  abandon(): void {
    if (this.#over) return
    this.#leaveQueue()
    this.#cancelAttempt()
    this.#end('client-left')
  }

  /** Answers with an error of the balancer's own, or breaks the connection where an answer has begun. */
  refuse(code: ErrorCode, mayHaveActed = false): void {
    if (this.#over) return
    this.#leaveQueue()
    this.#cancelAttempt()
    if (this.#response.headersSent) return this.#cut()
    const { status, headers, body } = errorAnswer(code, {
      requestId: this.#record.requestId,
      accept: this.#accept,
      mayHaveActed,
    })
    const { draining, log } = this.#services
    const clientsFault = isClientsFault(code)
    if (this.#options.answerFields !== undefined) headers.push(...this.#options.answerFields)
    // After a request that was not understood, or did not end, nobody knows where the next one starts.
    if (clientsFault || draining()) headers.push('Connection', 'close')
    log[clientsFault ? 'debug' : 'warn']({ requestId: this.#record.requestId, status, code }, 'refused')
    this.#response.writeHead(status, headers).end(body)
    this.#discardRest()
  }

  sending(): void {
    if (this.#options.awaitsContinue === true) this.#response.writeContinue()
  }

  answered(answer: IncomingMessage): void {
    const { statusCode = 0, statusMessage = '' } = answer
    this.#record.responded()
    this.#response.writeHead(statusCode, statusMessage, this.#answerHeaders(answer, undefined))
    answer.pipe(this.#response)
    // An answer of unknown length may be a stream whose first event is far off.
    if (answer.headers['content-length'] === undefined) this.#response.flushHeaders()
  }

  completed(upstream: Upstream): void {
    this.#attemptEnded(upstream, 'answered')
    this.#discardRest()
  }

  upgraded(upstream: Upstream, answer: IncomingMessage, end: TunnelEnd): void {
    this.#record.responded()
    this.#attemptEnded(upstream, 'upgraded')
    this.#response.writeHead(101, this.#answerHeaders(answer, 'Upgrade')).flushHeaders()
    this.#response.detachSocket(this.#what.request.socket)
    this.#options.join?.(upstream, end)
    this.#end('101')
  }

  failed(upstream: Upstream, failure: Failure): void {
    const { pool, config, log } = this.#services
    this.#attemptEnded(upstream, failure.kind)
    if (failure.kind === 'refused') pool.refused(upstream, failure.reason)
    else if (failure.kind !== 'client-stalled') pool.suspect(upstream)
    const attempts = this.#tried.length
    const { method = '' } = this.#what.request
    const ruling = verdict({ method, failure: failure.kind, ...failure, attempts, attemptsMax: config.attemptsMax })
    this.#record.failed(upstream, failure, ruling)
    log.debug({ requestId: this.#record.requestId, upstream: upstream.name, ...failure, ...ruling }, 'attempt failed')
    this.#follow(ruling)
  }

  #follow(ruling: Verdict): void {
    switch (ruling.next) {
      case 'another-upstream':
        return this.#tryNext()
      case 'refuse':
        return this.refuse(ruling.code, ruling.rule === 'may-have-acted')
      case 'cut':
        return this.#cut()
    }
  }

  /** `patient`: where the upstream that it prefers is full, it may wait for it. */
  #tryNext(patient = true): void {
    const picked = this.#services.routing.pick(this.#cookie, this.#tried, patient)
    if (picked === undefined) return this.refuse('UNAVAILABLE')
    if (!('busy' in picked)) return this.#try(picked)
    if (!patient) return this.#waitedInVain(picked.busy)
    this.#queued = this.#services.queue.join(this, picked.busy)
    this.#record.queued(this.#queued ? 'waits' : 'too-many-wait', picked.busy)
    if (!this.#queued) this.#tryNext(false)
  }

  #waitedInVain(waitFor: Upstream | undefined): void {
    this.#record.queued('waited-in-vain', waitFor)
    this.refuse('UNAVAILABLE')
  }

  #try(choice: Choice): void {
    const { transport, config } = this.#services
    this.#record.routed(choice)
    this.#tried.push(choice.upstream)
    this.#fields = choice.fields
    this.#attempt = new Attempt(choice.upstream, this.#what, this, config)
    this.#attempt.begin(transport)
  }

  /** There is room now, or whom it waited for is not what it was. */
  admitted(): void {
    this.#queued = false
    this.#tryNext()
  }

  /** It has waited for the upstream that it prefers, and now goes to any that has room. */
  expired(): void {
    this.#queued = false
    this.#tryNext(false)
  }

  #leaveQueue(): void {
    if (this.#queued) this.#services.queue.leave(this)
    this.#queued = false
  }

  #attemptEnded(upstream: Upstream, outcome: Failure['kind'] | 'answered' | 'upgraded' | 'cancelled'): void {
    this.#attempt = undefined
    this.#record.attempted(upstream, outcome)
  }

  #cancelAttempt(): void {
    const attempt = this.#attempt
    if (attempt === undefined) return
    attempt.cancel()
    this.#attemptEnded(attempt.upstream, 'cancelled')
  }

  #answerHeaders(answer: IncomingMessage, connection: 'Upgrade' | undefined): string[] {
    return answerHeaders(answer.rawHeaders, answer.headers.connection, {
      requestId: this.#record.requestId,
      fields: this.#ownFields(),
      connection: connection ?? (this.#services.draining() ? 'close' : undefined),
    })
  }

  #ownFields(): readonly string[] {
    const { answerFields } = this.#options
    const timed = this.#services.config.serverTiming
    if (answerFields === undefined && !timed) return this.#fields
    const fields = [...this.#fields, ...(answerFields ?? [])]
    if (timed) fields.push(...this.#record.timing())
    return fields
  }

  /** What the client still sends of its request is of no use, but must be out of the way before the next one. */
  #discardRest(): void {
    if (!this.#what.request.complete) this.#what.request.resume()
  }

  /** The connection and not the response, which has no way to break while others of its pipeline come first. */
  #cut(): void {
    const { httpVersionMinor, socket } = this.#what.request
    // To an HTTP/1.0 client the end of the connection may be the end of the answer. A reset never is, nor is the end of TLS
    // without its farewell, which is what destroying it leaves out.
    if (httpVersionMinor === 0 && !this.#options.client.secure) socket.resetAndDestroy()
    else socket.destroy()
    this.#end('cut')
  }

  #end(code: string): void {
    if (this.#over) return
    this.#over = true
    this.#record.over(code)
    this.#options.over(this)
  }
}
