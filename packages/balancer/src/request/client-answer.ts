/**
 * Writes one client's answer: one whole answer, or a connection that visibly broke. Nothing else writes to the client's response.
 */
import { STATUS_CODES } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { errorAnswer, isClientsFault } from './error-answer.ts'
import type { ErrorCode } from './error-answer.ts'
import { answerHeaders, answerTrailers, interimHeaders, wantsTrailers } from './header-rewriting.ts'
import type { ClientOrigin } from './header-rewriting.ts'
import type { RequestRecord } from './request-record.ts'
import { isSafe } from './retry-decision.ts'
import type { Choice } from '../routing/routing.ts'
import type { AnswerHead, TunnelEnd } from '../transports/transport.ts'
import type { Upstream } from '../upstreams/upstream.ts'

export interface ClientAnswerServices {
  /** Whether each answer is to be its connection's last. */
  readonly draining: () => boolean
  readonly config: { readonly serverTiming: boolean }
}

export interface ClientAnswerOptions {
  readonly client: Pick<ClientOrigin, 'secure'>
  /** Names and values by turns: what every answer on this connection says. */
  readonly answerFields: readonly string[] | undefined
  /** The client sends its body only after 100 Continue. */
  readonly awaitsContinue?: boolean | undefined
  /** Joins the client's connection and the upstream's after the 101. Absent: this is no upgrade. */
  readonly join?: ((upstream: Upstream, end: TunnelEnd) => void) | undefined
}

/** Above this, converting a body to text costs more than it saves. */
const AS_TEXT_BYTES_MAX = 8_192
/** Otherwise a client that does not read would block the answer, or fill the memory. */
const INTERIMS_MAX = 16
/** RFC 9112, section 6.3. */
const WITHOUT_BODY = new Set([204, 304])

export class ClientAnswer {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #record: Pick<RequestRecord, 'requestId' | 'responded' | 'timing'>
  readonly #services: ClientAnswerServices
  readonly #options: ClientAnswerOptions
  readonly #accept: string | undefined
  #awaitsContinue: boolean
  /** Whether an upstream may have carried it out. */
  #mayHaveActed = false
  #interims = 0
  #passesTrailers = false
  #length: number | undefined
  /** The whole body, if it came in one chunk: header and body are then written as one text, which costs least. */
  #body: Buffer | undefined

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    record: Pick<RequestRecord, 'requestId' | 'responded' | 'timing'>,
    services: ClientAnswerServices,
    options: ClientAnswerOptions,
  ) {
    this.#request = request
    this.#response = response
    this.#record = record
    this.#services = services
    this.#options = options
    this.#accept = request.headers.accept
    this.#awaitsContinue = options.awaitsContinue === true
  }

  get begun(): boolean {
    return this.#response.headersSent
  }

  /** The connection is to end with it. */
  isLast(): void {
    this.#response.shouldKeepAlive = false
  }

  /** The request is being sent to an upstream. */
  sending(): void {
    this.#mayHaveActed = !isSafe(this.#request.method ?? '')
  }

  /** The body is wanted. */
  goOn(): void {
    if (this.#awaitsContinue) this.#response.writeContinue()
    this.#awaitsContinue = false
  }

  /** Passes on an interim answer, such as 103 Early Hints. HTTP/1.0 knows none. */
  interim({ status, rawHeaders, headers }: AnswerHead): void {
    const { httpVersionMinor, socket } = this.#request
    if (httpVersionMinor === 0 || this.begun || this.#interims === INTERIMS_MAX) return
    this.#interims += 1
    const fields = interimHeaders(rawHeaders, headers.connection)
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${fields}\r\n`, 'latin1')
  }

  /** `fields`: names and values by turns, beside those that came. */
  begin(head: AnswerHead, fields: readonly string[]): void {
    this.#record.responded()
    const length = head.headers['content-length']
    // Only chunks can be followed by trailers.
    this.#passesTrailers =
      length === undefined &&
      !WITHOUT_BODY.has(head.status) &&
      this.#request.method !== 'HEAD' &&
      wantsTrailers(this.#request)
    this.#response.writeHead(head.status, head.message, this.#headers(head, fields, undefined))
    // An answer of unknown length may be a stream whose first chunk comes much later.
    if (length === undefined) this.#response.flushHeaders()
    else this.#length = Number(length)
  }

  /** False: pause until `taken` is called. */
  write(piece: Buffer, taken: () => void): boolean {
    if (piece.length === this.#length && piece.length <= AS_TEXT_BYTES_MAX) {
      this.#body = piece
      return true
    }
    if (this.#response.write(piece)) return true
    this.#response.once('drain', taken)
    return false
  }

  end(trailers: readonly string[]): void {
    if (this.#passesTrailers && trailers.length > 0) this.#response.addTrailers(answerTrailers(trailers))
    if (this.#body === undefined) this.#response.end()
    else this.#response.end(this.#body.toString('latin1'), 'latin1')
  }

  /** Sends the 101, and detaches the connection from the response. */
  upgrade(head: AnswerHead, { upstream, fields }: Choice, end: TunnelEnd): void {
    this.#record.responded()
    this.#response.writeHead(101, this.#headers(head, fields, 'Upgrade')).flushHeaders()
    this.#response.detachSocket(this.#request.socket)
    this.#options.join?.(upstream, end)
  }

  /** An error of the balancer's own. Returns its status. */
  refuse(code: ErrorCode): number {
    const { answerFields } = this.#options
    const { requestId } = this.#record
    const about = { requestId, accept: this.#accept, mayHaveActed: this.#mayHaveActed }
    const { status, headers, body } = errorAnswer(code, about)
    if (answerFields !== undefined) headers.push(...answerFields)
    // After a request that was malformed or did not end, it is unknown where the next one starts.
    if (isClientsFault(code) || this.#services.draining()) headers.push('Connection', 'close')
    this.#response.writeHead(status, headers).end(body)
    return status
  }

  /** Breaks the connection and not the response, which can't break while earlier answers of its pipeline are pending. */
  cut(): void {
    const { httpVersionMinor, socket } = this.#request
    // For an HTTP/1.0 client the end of the connection may be the end of the answer. A reset never is, nor is the end of TLS
    // without its farewell, which is what destroying it leaves out.
    if (httpVersionMinor === 0 && !this.#options.client.secure) socket.resetAndDestroy()
    else socket.destroy()
  }

  #headers(
    { rawHeaders, headers }: AnswerHead,
    fields: readonly string[],
    connection: 'Upgrade' | undefined,
  ): string[] {
    const { answerFields: own } = this.#options
    const { draining, config } = this.#services
    const { serverTiming } = config
    const record = this.#record
    return answerHeaders(rawHeaders, headers.connection, {
      requestId: record.requestId,
      fields:
        own === undefined && !serverTiming
          ? fields
          : [...fields, ...(serverTiming ? record.timing() : []), ...(own ?? [])],
      connection: connection ?? (draining() ? 'close' : undefined),
      trailers: this.#passesTrailers,
    })
  }
}
