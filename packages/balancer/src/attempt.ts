/**
 * One try of one request at one upstream.
 *
 *     waiting ──(connected)──▶ sending ──(answer)──▶ answering ──▶ over
 *
 * Nothing is read from the client before the connection to the upstream stands, so an attempt that ends while *waiting*
 * has used up nothing and the request can go elsewhere whole. What was sent is known from these states and never from an
 * error's code or `bytesWritten`, which mislead. An attempt tells its owner what happened and ends with exactly one of
 * `completed`, `upgraded` or `failed`, or without a word once it is cancelled. It never touches the client's response.
 */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Transport } from './transport.ts'
import type { TunnelEnd } from './tunnels.ts'
import { isSelfConnected } from './upstream.ts'
import type { Upstream } from './upstream.ts'
import type { FailureKind } from './verdict.ts'

export interface AttemptOwner {
  /** The connection stands; from here on the upstream may act on the request. */
  sending(): void
  answered(answer: IncomingMessage): void
  /** The answer came whole. */
  completed(upstream: Upstream): void
  upgraded(upstream: Upstream, answer: IncomingMessage, end: TunnelEnd): void
  failed(upstream: Upstream, failure: Failure): void
}

export interface Failure {
  readonly kind: FailureKind
  readonly reason: string
  readonly sent: 'nothing' | 'something'
  readonly answer: 'none' | 'begun'
}

export interface AttemptRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly hasBody: boolean
  readonly websocket: boolean
}

export interface AttemptTimeouts {
  readonly connectTimeoutMs: number
  readonly attemptTimeoutMs: number
  readonly answerIdleMs: number
}

export class Attempt {
  readonly upstream: Upstream
  readonly #what: AttemptRequest
  readonly #owner: AttemptOwner
  readonly #timeouts: AttemptTimeouts
  #state: 'waiting' | 'sending' | 'answering' | 'over' = 'waiting'
  #outgoing: ClientRequest | undefined
  #answer: IncomingMessage | undefined
  #timer: NodeJS.Timeout | undefined
  #allowedMs = 0
  #progressedAtMs = 0

  constructor(upstream: Upstream, what: AttemptRequest, owner: AttemptOwner, timeouts: AttemptTimeouts) {
    this.upstream = upstream
    this.#what = what
    this.#owner = owner
    this.#timeouts = timeouts
  }

  begin(transport: Transport): void {
    this.#allow(this.#timeouts.attemptTimeoutMs)
    this.#watch(Infinity)
    transport(this.#what.request, this.#what.response, this.upstream, (outgoing) => this.#take(outgoing))
  }

  /** Nobody waits for the answer any more. */
  cancel(): void {
    if (this.#state === 'over') return
    this.#end()
    this.#outgoing?.destroy()
  }

  #take(outgoing: ClientRequest): void {
    this.#outgoing = outgoing
    this.upstream.entered()
    outgoing.on('close', () => this.#onClosed())
    outgoing.on('socket', (socket) => this.#onSocket(socket))
    outgoing.on('response', (answer) => this.#onAnswer(answer))
    outgoing.on('error', (error) => this.#onError(error))
    if (this.#what.websocket) outgoing.on('upgrade', (...upgrade) => this.#onUpgrade(...upgrade))
    if (!this.#what.hasBody) outgoing.end()
  }

  #onSocket(socket: Socket): void {
    if (!socket.connecting) return this.#onConnected()
    const { connectTimeoutMs } = this.#timeouts
    const timer = setTimeout(() => this.#fail('unreached', 'connect timeout'), connectTimeoutMs)
    socket.once('close', () => clearTimeout(timer))
    socket.once('connect', () => {
      clearTimeout(timer)
      if (isSelfConnected(socket)) this.#fail('refused', 'connected to itself')
      else this.#onConnected()
    })
  }

  #onConnected(): void {
    if (this.#state !== 'waiting') return
    this.#state = 'sending'
    this.#owner.sending()
    if (this.#what.hasBody && this.#outgoing !== undefined) this.#upload(this.#outgoing)
  }

  #upload(outgoing: ClientRequest): void {
    const { request } = this.#what
    request.on('data', () => this.#progressed())
    request.pipe(outgoing)
  }

  #onAnswer(answer: IncomingMessage): void {
    if (this.#state === 'over') return
    if (!isPassable(answer)) return this.#fail('junk', `status line ${answer.statusCode} ${answer.statusMessage}`)
    this.#state = 'answering'
    this.#answer = answer
    this.#allow(this.#timeouts.answerIdleMs)
    answer.on('data', () => this.#progressed())
    answer.on('close', () => this.#onAnswerClosed(answer))
    this.#owner.answered(answer)
  }

  #onAnswerClosed(answer: IncomingMessage): void {
    if (this.#state === 'over') return
    if (!answer.complete) return this.#fail('broken', 'the answer broke off')
    this.#end()
    // An answer that did not wait for the whole upload leaves a connection on which the rest would be the next request.
    if (this.#outgoing?.writableEnded === false) this.#outgoing.destroy()
    this.#owner.completed(this.upstream)
  }

  #onUpgrade(answer: IncomingMessage, socket: Socket, head: Buffer): void {
    if (this.#state === 'over' || answer.headers.upgrade?.toLowerCase() !== 'websocket') {
      socket.on('error', destroyed).destroy()
      return this.#fail('junk', `an upgrade to ${answer.headers.upgrade}`)
    }
    this.#end()
    this.#owner.upgraded(this.upstream, answer, { socket, head })
  }

  #onError(error: NodeJS.ErrnoException): void {
    const reason = error.code ?? error.message
    // An upstream may answer in full and stop listening. But an answer that ends with its connection does not end with a reset,
    // though Node would call it complete.
    if (this.#state === 'answering' && this.#answer?.complete === true) return
    if (this.#state === 'waiting') this.#fail(reason === 'ECONNREFUSED' ? 'refused' : 'unreached', reason)
    else this.#fail(reason.startsWith('HPE_') ? 'junk' : 'broken', reason)
  }

  /** Only now is its place in the agent free again, be it one in the queue. */
  #onClosed(): void {
    this.upstream.left()
    // An upgrade that nobody asked for ends without an error.
    if (this.#state === 'sending') this.#fail('junk', 'closed without an answer')
  }

  /** What comes next may take so long, and as long again after each progress. */
  #allow(ms: number): void {
    this.#allowedMs = ms
    this.#progressed()
  }

  #progressed(): void {
    this.#progressedAtMs = performance.now()
  }

  /** One timer an attempt, that looks now and then: to move it with every piece would cost more than to pass that on. */
  #watch(leftMs: number): void {
    const { attemptTimeoutMs, answerIdleMs } = this.#timeouts
    // Where this process was what stood still, what it waits for lies in a socket and is read before the next immediate.
    const look = () => setImmediate(() => this.#look())
    this.#timer = setTimeout(look, Math.min(leftMs, attemptTimeoutMs, answerIdleMs))
  }

  #look(): void {
    if (this.#state === 'over') return
    const leftMs = this.#progressedAtMs + this.#allowedMs - performance.now()
    if (leftMs > 0) this.#watch(leftMs)
    else this.#timedOut()
  }

  #timedOut(): void {
    if (this.#state === 'waiting') return this.#fail('unreached', 'no connection came free')
    const { request } = this.#what
    const awaitsClient = this.#state === 'sending' && !request.complete && this.#outgoing?.writableNeedDrain === false
    this.#fail(awaitsClient ? 'client-stalled' : 'silent', 'timeout')
  }

  #fail(kind: FailureKind, reason: string): void {
    const state = this.#state
    if (state === 'over') return
    this.#end()
    this.#outgoing?.destroy()
    const sent = state === 'waiting' ? 'nothing' : 'something'
    this.#owner.failed(this.upstream, { kind, reason, sent, answer: state === 'answering' ? 'begun' : 'none' })
  }

  #end(): void {
    this.#state = 'over'
    clearTimeout(this.#timer)
    if (this.#outgoing?.writableEnded === false) this.#what.request.unpipe(this.#outgoing)
  }
}

/** Node's client takes any three digits for a status and any bytes for its reason, but its server writes neither. */
function isPassable({ statusCode = 0, statusMessage = '' }: IncomingMessage): boolean {
  return statusCode >= 200 && /^[\t\x20-\x7e\x80-\xff]*$/.test(statusMessage)
}

/** A destroyed socket may still report why; nobody is left to be told. */
function destroyed(): void {}
