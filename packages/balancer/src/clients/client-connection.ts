/**
 * One client's TCP connection, and the exchanges on it. It knows what a single exchange can't: that the client is gone (Node does not
 * tell the response of a later request in a pipeline), that its sending side is closed, that it sends something other than HTTP, or
 * that an answer was the last and all bytes behind its request are ignored.
 *
 * The requests of a pipeline are carried out one after the other, as RFC 9112 (section 9.3.2) demands for unsafe ones: the second may
 * depend on what the first did.
 */
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { errorBytes } from '../request/error-answer.ts'
import type { ErrorCode } from '../request/error-answer.ts'
import type { Exchange } from '../request/exchange.ts'
import type { ClientOrigin } from '../request/header-rewriting.ts'

/**
 * How long a client that was refused in the middle of its request may go on sending. Closing the connection earlier would reset it,
 * and a reset overtakes the answer that says what was wrong.
 */
const LINGER_MS = 2_000

export interface ConnectionBounds {
  readonly clientHalfClosedMs: number
  readonly clientPipelineMax: number
  readonly clientHeadersTimeoutMs: number
  readonly clientRequestTimeoutMs: number
}

interface Waiting {
  readonly exchange: Exchange
  fault: ErrorCode | undefined
}

export class ClientConnection {
  readonly origin: ClientOrigin
  readonly #socket: Socket
  readonly #bounds: ConnectionBounds
  #current: Exchange | undefined
  #waiting: Waiting[] | undefined
  /** The newest exchange, as long as it is open or its request still arrives. */
  #newest: Exchange | undefined
  #state: 'open' | 'half-closed' | 'lingering' | 'closed' = 'open'
  #lingers = false
  #timer: NodeJS.Timeout | undefined
  /** Node has reported that the message which arrives is late, while the balancer did not read it. */
  #wasReportedLate = false
  /** Of what is left of such a message. */
  #lateTimer: NodeJS.Timeout | undefined
  #reading: 'by-parser' | 'by-stream' | 'paused' = 'by-parser'

  constructor(socket: Socket, origin: ClientOrigin, bounds: ConnectionBounds) {
    this.#socket = socket
    this.#bounds = bounds
    this.origin = origin
    // An upgrade removes the server's error listener, and an error without a listener would end the process.
    socket.on('error', closeFollows)
    socket.on('end', () => this.#onHalfClosed())
    socket.on('close', () => this.#onClosed())
  }

  /**
   * Whether an upgrade may take the connection: no other request is in flight, and an answer can still be written. Requests behind the
   * last answer are ignored, but Node has assigned a response to the first of them, and the socket can't get a second one.
   */
  get mayUpgrade(): boolean {
    return this.#current === undefined && this.#socket.writable
  }

  /** Begins the exchange once those before it are over, or refuses it if it has a fault. */
  enter(exchange: Exchange, fault: ErrorCode | undefined, hasBody: boolean): void {
    this.#newest = exchange
    // Its header was timed here, so Node will not report its body either.
    const isTimedHere = this.#lateTimer !== undefined
    this.#stopTiming()
    if (isTimedHere && hasBody) this.#timeTheRest(exchange)
    if (hasBody) this.#lingerAtTheEnd()
    if (!this.#socket.writable) return exchange.abandon()
    if (this.#current === undefined) return this.#start(exchange, fault)
    this.#waiting ??= []
    this.#waiting.push({ exchange, fault })
    if (this.#isFull) this.#pause()
  }

  over(exchange: Exchange): void {
    if (this.#newest === exchange && exchange.received) this.#newest = undefined
    if (exchange !== this.#current) {
      this.#waiting = this.#waiting?.filter((waiting) => waiting.exchange !== exchange)
      return
    }
    this.#current = undefined
    if (this.#state === 'closed') return
    if (this.#socket.writable) this.#startNext()
    else this.#abandonAll()
  }

  /** Refuses a request that has not arrived whole. One that waits is refused when its turn comes. */
  refuseRest(exchange: Exchange, code: ErrorCode): void {
    const waiting = this.#waitingFor(exchange)
    if (waiting !== undefined) {
      waiting.fault ??= code
    } else {
      exchange.refuse(code)
    }
  }

  /**
   * The client sent something that is not HTTP, or was too slow. The error answers the request that is still arriving, or a new request
   * on a connection without other unanswered ones. In any other case the client would take it for the answer to another request, so the
   * connection ends without one.
   */
  malformed(code: ErrorCode, requestId: string): void {
    if (this.#state === 'lingering') return
    if (code === 'REQUEST_TIMEOUT' && this.#reading === 'paused') {
      this.#wasReportedLate = true
      return
    }
    const newest = this.#newest
    if (newest !== undefined && !newest.received && this.#isOpen(newest)) return this.refuseRest(newest, code)
    if (newest === undefined && this.#socket.writable) {
      this.#socket.write(errorBytes(code, { requestId }))
      this.#linger()
    } else {
      this.#socket.destroy()
    }
  }

  #start(exchange: Exchange, fault: ErrorCode | undefined): void {
    this.#current = exchange
    if (fault === undefined) exchange.begin()
    else exchange.refuse(fault)
    if (this.#state === 'half-closed') this.#limitQuiet(exchange)
  }

  #startNext(): void {
    const next = this.#waiting?.shift()
    if (this.#reading === 'paused' && !this.#isFull) this.#readOn()
    if (next !== undefined) this.#start(next.exchange, next.fault)
  }

  /** Whether as many requests wait as may. The chunk that brought the last of them may bring more. */
  get #isFull(): boolean {
    return this.#waiting !== undefined && this.#waiting.length >= this.#bounds.clientPipelineMax
  }

  #pause(): void {
    if (this.#reading === 'by-parser') this.#makePausable()
    // What is not read would reset the connection if it closed at once.
    this.#lingerAtTheEnd()
    this.#reading = 'paused'
    this.#socket.pause()
  }

  /**
   * A data listener makes Node's parser read through the stream, and only such reading can be paused. Node resumes the socket at the end of
   * every message that it has parsed; while the connection is paused, that must do nothing.
   */
  #makePausable(): void {
    const socket = this.#socket
    socket.on('data', readByParser)
    const resume = socket.resume.bind(socket)
    socket.resume = () => (this.#reading === 'paused' ? socket : resume())
  }

  #readOn(): void {
    if (this.#reading === 'paused') this.#reading = 'by-stream'
    this.#socket.resume()
    if (!this.#wasReportedLate) return
    this.#wasReportedLate = false
    this.#stopTiming()
    this.#timeTheRest(this.#newest?.received === false ? this.#newest : undefined)
  }

  /** Node reports no message a second time: what is left of it is timed here, be it a header or the body of `arriving`. */
  #timeTheRest(arriving: Exchange | undefined): void {
    const { clientHeadersTimeoutMs, clientRequestTimeoutMs } = this.#bounds
    const look = (): void => {
      if (this.#lateTimer === timer && arriving?.received !== true) this.malformed('REQUEST_TIMEOUT', randomUUID())
    }
    const withinMs = arriving === undefined ? clientHeadersTimeoutMs : clientRequestTimeoutMs
    // If this process itself was stopped, the rest lies in the socket and is read before the next immediate.
    const timer = setTimeout(() => setImmediate(look), withinMs)
    this.#lateTimer = timer
  }

  #stopTiming(): void {
    clearTimeout(this.#lateTimer)
    this.#lateTimer = undefined
  }

  /** Node calls `destroySoon` to close a connection after its last answer, whether or not all that the client sends has arrived. */
  #lingerAtTheEnd(): void {
    if (this.#lingers) return
    this.#lingers = true
    this.#socket.destroySoon = () => this.#linger()
  }

  #linger(): void {
    if (this.#state === 'lingering') return
    const clientEnded = this.#state === 'half-closed'
    this.#state = 'lingering'
    this.#socket.end(() => clientEnded && this.#socket.destroy())
    this.#readOn()
    this.#after(LINGER_MS, () => this.#socket.destroy())
  }

  #onHalfClosed(): void {
    if (this.#state === 'lingering') return void this.#socket.destroy()
    this.#state = 'half-closed'
    if (this.#current !== undefined) this.#limitQuiet(this.#current)
  }

  /**
   * A client that closed its sending side may still wait for its answer, or may be gone: both look the same. Only writing to it tells,
   * so the request goes on as long as no pause in what is written, the one before the answer included, exceeds the bound.
   */
  #limitQuiet(exchange: Exchange): void {
    const { bytesWritten } = this.#socket
    const look = (): void => {
      if (this.#current !== exchange || this.#state === 'closed') return
      const isQuiet = this.#socket.bytesWritten === bytesWritten && this.#socket.writableLength === 0
      if (isQuiet) this.#socket.destroy()
      else this.#limitQuiet(exchange)
    }
    // If this process itself was stopped, more of the answer lies in a socket and is passed on before the next immediate.
    this.#after(this.#bounds.clientHalfClosedMs, () => setImmediate(look))
  }

  /** Replaces what was to be done at the former deadline. */
  #after(ms: number, act: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(act, ms)
  }

  #onClosed(): void {
    this.#state = 'closed'
    clearTimeout(this.#timer)
    this.#stopTiming()
    this.#abandonAll()
  }

  #abandonAll(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    this.#current?.abandon()
    for (const { exchange } of waiting) exchange.abandon()
  }

  #isOpen(exchange: Exchange): boolean {
    return exchange === this.#current || this.#waitingFor(exchange) !== undefined
  }

  #waitingFor(exchange: Exchange): Waiting | undefined {
    return this.#waiting?.find((waiting) => waiting.exchange === exchange)
  }
}

function closeFollows(): void {}

function readByParser(): void {}
