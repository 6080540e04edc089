/**
 * What one client gets: one whole answer, or a connection that visibly broke. It alone writes to the client's response; which
 * answer it is, others decide.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { errorAnswer, isClientsFault } from './error-answer.ts'
import type { ErrorCode } from './error-answer.ts'
import { answerHeaders } from './header-rewriting.ts'
import type { AnswerHead } from './transport.ts'

export interface ClientAnswerOptions {
  readonly requestId: string
  /** Names and values by turns: what every answer on this connection says. */
  readonly fields: readonly string[] | undefined
  /** By TLS. */
  readonly secure: boolean
  /** Whether each answer is to be its connection's last. */
  readonly draining: () => boolean
}

/** Beyond it to make a text of a body costs more than it saves. */
const AS_TEXT_BYTES_MAX = 8_192

export class ClientAnswer {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #options: ClientAnswerOptions
  readonly #accept: string | undefined
  #continued = false
  #length: number | undefined
  /** The whole body, where it came in one piece: header and body then leave as one text, which is what costs least to write. */
  #body: Buffer | undefined

  constructor(request: IncomingMessage, response: ServerResponse, options: ClientAnswerOptions) {
    this.#request = request
    this.#response = response
    this.#options = options
    this.#accept = request.headers.accept
  }

  get begun(): boolean {
    return this.#response.headersSent
  }

  /** The connection is to end with it. */
  isLast(): void {
    this.#response.shouldKeepAlive = false
  }

  /** The client may send its body. */
  goOn(): void {
    if (!this.#continued) this.#response.writeContinue()
    this.#continued = true
  }

  begin(head: AnswerHead, fields: readonly string[]): void {
    this.#response.writeHead(head.status, head.message, this.#headers(head, fields, undefined))
    const length = head.headers['content-length']
    // An answer of unknown length may be a stream whose first event is far off.
    if (length === undefined) this.#response.flushHeaders()
    else this.#length = Number(length)
  }

  /** False: no more before `taken` was called. */
  write(piece: Buffer, taken: () => void): boolean {
    if (piece.length === this.#length && piece.length <= AS_TEXT_BYTES_MAX) {
      this.#body = piece
      return true
    }
    if (this.#response.write(piece)) return true
    this.#response.once('drain', taken)
    return false
  }

  end(): void {
    if (this.#body === undefined) this.#response.end()
    else this.#response.end(this.#body.toString('latin1'), 'latin1')
  }

  /** Says that the connection is a WebSocket, and is the response's no more. */
  upgrade(head: AnswerHead, fields: readonly string[]): void {
    this.#response.writeHead(101, this.#headers(head, fields, 'Upgrade')).flushHeaders()
    this.#response.detachSocket(this.#request.socket)
  }

  /** An error of the balancer's own. Returns its status. */
  refuse(code: ErrorCode, mayHaveActed: boolean): number {
    const { requestId, fields, draining } = this.#options
    const { status, headers, body } = errorAnswer(code, { requestId, accept: this.#accept, mayHaveActed })
    if (fields !== undefined) headers.push(...fields)
    // After a request that was not understood, or did not end, nobody knows where the next one starts.
    if (isClientsFault(code) || draining()) headers.push('Connection', 'close')
    this.#response.writeHead(status, headers).end(body)
    return status
  }

  /** The connection and not the response, which has no way to break while others of its pipeline come first. */
  cut(): void {
    const { httpVersionMinor, socket } = this.#request
    // To an HTTP/1.0 client the end of the connection may be the end of the answer. A reset never is, nor is the end of TLS
    // without its farewell, which is what destroying it leaves out.
    if (httpVersionMinor === 0 && !this.#options.secure) socket.resetAndDestroy()
    else socket.destroy()
  }

  #headers(
    { rawHeaders, headers }: AnswerHead,
    fields: readonly string[],
    connection: 'Upgrade' | undefined,
  ): string[] {
    const own = this.#options.fields
    return answerHeaders(rawHeaders, headers.connection, {
      requestId: this.#options.requestId,
      fields: own === undefined ? fields : [...fields, ...own],
      connection: connection ?? (this.#options.draining() ? 'close' : undefined),
    })
  }
}
