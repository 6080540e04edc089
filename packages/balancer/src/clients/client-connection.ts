/**
 * One client's TCP connection, and the exchanges on it. It knows what no single exchange can: that the client is gone (the
 * response of a request further back in a pipeline never hears of it), that its sending side is closed, that what it sends
 * has stopped being HTTP, or that an answer was the last and whatever comes behind it is ignored.
 *
 * The requests of a pipeline are carried out one after the other, as RFC 9112 (section 9.3.2) asks for all that are not safe: the
 * second may be meant to see what the first has done.
 */
import type { Socket } from 'node:net'
import { errorBytes } from '../request/error-answer.ts'
import type { ErrorCode } from '../request/error-answer.ts'
import type { Exchange } from '../request/exchange.ts'
import type { ClientOrigin } from '../request/header-rewriting.ts'

/**
 * How long a client that was refused in the middle of its request may go on sending. To close before it has stopped is to reset the
 * connection, and a reset overtakes the answer that says what was wrong.
 */
const LINGER_MS = 2_000

export interface ConnectionBounds {
  readonly clientHalfClosedMs: number
  readonly clientPipelineMax: number
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
  #reading: 'by-parser' | 'by-stream' | 'paused' = 'by-parser'

  constructor(socket: Socket, origin: ClientOrigin, bounds: ConnectionBounds) {
    this.#socket = socket
    this.#bounds = bounds
    this.origin = origin
    // An upgrade takes the server's own listener away, and a reset without any would end the process.
    socket.on('error', closeFollows)
    socket.on('end', () => this.#onHalfClosed())
    socket.on('close', () => this.#onClosed())
  }

  get busy(): boolean {
    return this.#current !== undefined
  }

  /** Begins the exchange, or refuses it for its fault, once those before it are over. */
  enter(exchange: Exchange, fault: ErrorCode | undefined, hasBody: boolean): void {
    this.#newest = exchange
    if (hasBody) this.#lingerAtTheEnd()
    if (!this.#socket.writable) return exchange.abandon()
    if (this.#current === undefined) return this.#start(exchange, fault)
    this.#waiting ??= []
    this.#waiting.push({ exchange, fault })
    if (this.#waiting.length >= this.#bounds.clientPipelineMax) this.#pause()
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

  /** Of a request whose end has not come. One that waits is refused when its turn comes. */
  refuseRest(exchange: Exchange, code: ErrorCode): void {
    const waiting = this.#waitingFor(exchange)
    if (waiting !== undefined) {
      waiting.fault ??= code
    } else {
      exchange.refuse(code)
    }
  }

  /**
   * What came can't be read as HTTP, or did not come in time. A request that was still arriving and is unanswered gets the
   * answer; so does a new one on a connection where nothing else is owed. Anywhere else an answer would be taken for that
   * to another request, so the connection ends without one.
   */
  malformed(code: ErrorCode, requestId: string): void {
    if (this.#state === 'lingering') return
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
    if (this.#reading === 'paused') {
      this.#reading = 'by-stream'
      this.#socket.resume()
    }
    if (next !== undefined) this.#start(next.exchange, next.fault)
  }

  /** Only reading through the stream can be stopped, and a listener to its data is what makes Node's parser do that. */
  #pause(): void {
    if (this.#reading === 'by-parser') this.#socket.on('data', readByParser)
    this.#reading = 'paused'
    this.#socket.pause()
  }

  /** Node closes a connection by this method when its last answer has left, whether or not all of the request has come. */
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
    this.#socket.resume()
    this.#after(LINGER_MS, () => this.#socket.destroy())
  }

  #onHalfClosed(): void {
    if (this.#state === 'lingering') return void this.#socket.destroy()
    this.#state = 'half-closed'
    if (this.#current !== undefined) this.#limitQuiet(this.#current)
  }

  /**
   * A client that closed its sending side may still wait for its answer, or may be gone: what arrives is the same. Writing to it would
   * tell, so it keeps its node as long as no pause in what is written, the one before the answer included, exceeds the bound.
   */
  #limitQuiet(exchange: Exchange): void {
    const { bytesWritten } = this.#socket
    this.#after(this.#bounds.clientHalfClosedMs, () => {
      if (this.#current !== exchange) return
      const isQuiet = this.#socket.bytesWritten === bytesWritten && this.#socket.writableLength === 0
      if (isQuiet) this.#socket.destroy()
      else this.#limitQuiet(exchange)
    })
  }

  /** Instead of what was to be done after some time before. */
  #after(ms: number, act: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(act, ms)
  }

  #onClosed(): void {
    this.#state = 'closed'
    clearTimeout(this.#timer)
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
