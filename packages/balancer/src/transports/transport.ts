/**
 * The HTTP client that an attempt uses: it streams one request to one upstream, and reports what comes back. It knows nothing of clients,
 * attempts or rules, so that transports are interchangeable.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Upstream } from '../upstreams/upstream.ts'

/** One end of a WebSocket connection. */
export interface TunnelEnd {
  readonly socket: Socket
  /** The bytes right behind its handshake. */
  readonly head: Buffer
}

export interface Transport {
  /** Nothing happens before it begins. */
  call(request: OutgoingRequest, upstream: Upstream, listener: CallListener): Call
}

export interface OutgoingRequest {
  readonly method: string
  readonly path: string
  readonly headers: OutgoingHttpHeaders
  readonly hasBody: boolean
  /** The whole body, if it is here: then `write` is not called. */
  readonly taken: Buffer | undefined
  /** An upgrade to WebSocket is asked for. */
  readonly websocket: boolean
  /** Asks whether the body is wanted, by `Expect: 100-continue`. */
  readonly expectsContinue: boolean
  /** Announces by `TE` that trailers are accepted. */
  readonly wantsTrailers: boolean
}

/** One request on its way. */
export interface Call {
  begin(): void
  /** Only once connected. False: pause until `writable`. */
  write(piece: Buffer): boolean
  /** The body has come to its end. */
  end(): void
  /** Whether written bytes still wait for the upstream. */
  readonly blocked: boolean
  /** Goes on with an answer after `piece` returned false. */
  resume(): void
  /** Aborts the request, and closes its connection. Only `closed` follows. */
  destroy(): void
}

export interface AnswerHead {
  readonly status: number
  readonly message: string
  /** Names and values by turns, as they came. */
  readonly rawHeaders: readonly string[]
  readonly headers: Pick<IncomingHttpHeaders, 'connection' | 'content-length' | 'upgrade'>
}

export interface CallListener {
  /** The connection stands: from here on the upstream may carry out the request. */
  connected(): void
  /** What was written has left. */
  writable(): void
  /** An interim answer, such as 100 or 103; the answer itself is still to come. */
  interim(head: AnswerHead): void
  head(head: AnswerHead): void
  /** A chunk of the answer's body. False: pause until `resume`. */
  piece(piece: Buffer): boolean
  /** The answer came whole. Trailers are names and values by turns. */
  whole(trailers: readonly string[]): void
  upgraded(head: AnswerHead, end: TunnelEnd): void
  /**
   * The request has failed: neither `whole` nor `upgraded` follows. `code` as in Node's errors, or words. `stale`: a reused connection
   * ended before any byte of this answer.
   */
  broke(code: string, connection?: 'stale'): void
  /** Its place at the upstream is free again. Always called, and last. */
  closed(): void
}
