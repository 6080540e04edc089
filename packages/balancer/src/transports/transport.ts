/**
 * What an attempt needs of an HTTP client: to send one request to one upstream, piece by piece, and to be told what comes back. It
 * knows nothing of clients, attempts or rules, so that one can stand in for another.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Upstream } from '../upstreams/upstream.ts'

/** One end of a WebSocket connection. */
export interface TunnelEnd {
  readonly socket: Socket
  /** What it sent right behind its half of the handshake. */
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
  /** All of the body, where it is at hand: then nothing of it is written. */
  readonly taken: Buffer | undefined
  /** An upgrade to WebSocket is asked for. */
  readonly websocket: boolean
  /** Asks whether the body is wanted, by `Expect: 100-continue`. */
  readonly expectsContinue: boolean
  /** Says that trailers of the answer are, by `TE`. */
  readonly wantsTrailers: boolean
}

/** One request on its way. */
export interface Call {
  begin(): void
  /** Only once connected. False: no more before `writable`. */
  write(piece: Buffer): boolean
  /** The body has come to its end. */
  end(): void
  /** Whether pieces wait that the upstream did not take yet. */
  readonly blocked: boolean
  /** Goes on with an answer after a piece of which `piece` said false. */
  resume(): void
  /** Gives it up, and its connection with it. Nothing but `closed` follows. */
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
  /** The connection stands: from here on the upstream may act on the request. */
  connected(): void
  /** What was written has left. */
  writable(): void
  /** An interim answer, such as 100 or 103; the answer itself is still to come. */
  interim(head: AnswerHead): void
  head(head: AnswerHead): void
  /** A piece of the answer's body. False: the next one after `resume`. */
  piece(piece: Buffer): boolean
  /** The answer came whole. Trailers are names and values by turns. */
  whole(trailers: readonly string[]): void
  upgraded(head: AnswerHead, end: TunnelEnd): void
  /**
   * It will come to nothing any more: neither `whole` nor `upgraded` follows. `code` as in Node's errors, or words. `stale`: the
   * connection had served before, and ended before any byte of this answer.
   */
  broke(code: string, connection?: 'stale'): void
  /** Its place at the upstream is free again. Comes last, and always. */
  closed(): void
}
