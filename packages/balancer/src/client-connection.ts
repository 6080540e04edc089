/**
 * One client's TCP connection, and the exchanges under way on it. It knows what no single exchange can: that the client
 * is gone (the response of a request further back in a pipeline never hears of it), that its sending side is closed, or
 * that what it sends has stopped being HTTP.
 */
import type { Socket } from 'node:net'
import { errorBytes } from './error-answer.ts'
import type { ErrorCode } from './error-answer.ts'
import type { Exchange } from './exchange.ts'

export class ClientConnection {
  readonly address: string
  readonly #socket: Socket
  readonly #halfClosedMs: number
  readonly #open = new Set<Exchange>()
  /** The newest exchange, as long as it is open or its request still arrives. */
  #newest: Exchange | undefined

  constructor(socket: Socket, halfClosedMs: number) {
    this.#socket = socket
    this.#halfClosedMs = halfClosedMs
    this.address = plainAddress(socket.remoteAddress ?? '')
    // An upgrade takes the server's own listener away, and a reset without any would end the process.
    socket.on('error', closeFollows)
    socket.once('end', () => this.#onHalfClosed())
    socket.once('close', () => this.#abandonAll())
  }

  get busy(): boolean {
    return this.#open.size > 0
  }

  entered(exchange: Exchange): void {
    this.#open.add(exchange)
    this.#newest = exchange
  }

  over(exchange: Exchange): void {
    this.#open.delete(exchange)
    if (this.#newest === exchange && exchange.received) this.#newest = undefined
  }

  /**
   * What came can't be read as HTTP, or did not come in time. A request that was still arriving and is unanswered gets the
   * answer; so does a new one on a connection where nothing else is owed. Anywhere else an answer would be taken for that
   * to another request, so the connection ends without one.
   */
  malformed(code: ErrorCode, requestId: string): void {
    const newest = this.#newest
    if (newest !== undefined && !newest.received && this.#open.has(newest)) return newest.refuse(code)
    if (newest === undefined && this.#socket.writable) {
      this.#socket.end(errorBytes(code, { requestId }), () => this.#socket.destroy())
    } else {
      this.#socket.destroy()
    }
  }

  /**
   * A client that closed its sending side may still wait for its answer, or may be gone: what arrives is the same. So the
   * answer gets some time to begin. Once it has, writing it will tell.
   */
  #onHalfClosed(): void {
    if (!this.busy) return
    const timer = setTimeout(() => {
      if ([...this.#open].some((exchange) => !exchange.answering)) this.#socket.destroy()
    }, this.#halfClosedMs)
    this.#socket.once('close', () => clearTimeout(timer))
  }

  #abandonAll(): void {
    for (const exchange of this.#open) exchange.abandon()
  }
}

/** A listener on IPv6 shows IPv4 clients in IPv6 dress. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
}

function closeFollows(): void {}
