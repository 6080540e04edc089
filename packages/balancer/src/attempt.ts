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
import type { RequestBody } from './request-body.ts'
import { isRefusal } from './transport.ts'
import type { AnswerHead, Call, CallListener, OutgoingRequest, Transport } from './transport.ts'
import type { TunnelEnd } from './tunnels.ts'
import type { Upstream } from './upstream.ts'
import type { FailureKind } from './verdict.ts'

export interface AttemptOwner {
  /** The connection stands; from here on the upstream may act on the request. */
  sending(): void
  /** Whether an upstream that answers that it can't serve now is to be left for another. */
  mayLeave(upstream: Upstream): boolean
  answered(head: AnswerHead): void
  /** A piece of the answer. False: the next one after `resume`. */
  piece(piece: Buffer): boolean
  /** The answer came whole. */
  completed(upstream: Upstream): void
  upgraded(upstream: Upstream, head: AnswerHead, end: TunnelEnd): void
  failed(upstream: Upstream, failure: Failure): void
}

export interface Failure {
  readonly kind: FailureKind
  readonly reason: string
  readonly sent: 'nothing' | 'something'
  readonly answer: 'none' | 'begun'
}

export interface AttemptRequest extends OutgoingRequest {
  /** Undefined where there is none. */
  readonly body: RequestBody | undefined
  /** Whether the client has sent all of it. */
  readonly received: boolean
  /** When the answer must have begun, whatever was tried before. */
  readonly deadlineAtMs: number
}

export interface AttemptTimeouts {
  readonly attemptTimeoutMs: number
  readonly answerIdleMs: number
}

const STATUS_UNAVAILABLE = 503

export class Attempt implements CallListener {
  readonly upstream: Upstream
  readonly #what: AttemptRequest
  readonly #owner: AttemptOwner
  readonly #timeouts: AttemptTimeouts
  #state: 'waiting' | 'sending' | 'answering' | 'over' = 'waiting'
  #call: Call | undefined
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
    this.#watch(this.#what.deadlineAtMs - this.#progressedAtMs)
    this.upstream.entered()
    this.#call = transport.call(this.#what, this.upstream, this)
    this.#call.begin()
  }

  /** Nobody waits for the answer any more. */
  cancel(): void {
    if (this.#state === 'over') return
    this.#end()
    this.#call?.destroy()
  }

  /** What it would come to if its upstream were gone; undefined where its answer has begun, for then that will show. */
  asLost(reason: string): Failure | undefined {
    if (this.#state === 'answering' || this.#state === 'over') return undefined
    return { kind: 'lost', reason, sent: this.#state === 'waiting' ? 'nothing' : 'something', answer: 'none' }
  }

  /** The client takes more of the answer. */
  resume(): void {
    this.#call?.resume()
  }

  write(piece: Buffer): boolean {
    this.#progressed()
    return this.#call?.write(piece) !== false
  }

  end(): void {
    this.#call?.end()
  }

  connected(): void {
    if (this.#state !== 'waiting') return
    this.#state = 'sending'
    this.#owner.sending()
    if (this.#what.taken === undefined) this.#what.body?.sendTo(this)
  }

  writable(): void {
    if (this.#state !== 'over') this.#what.body?.flow()
  }

  head(head: AnswerHead): void {
    if (this.#state === 'over') return
    if (!isPassable(head)) {
      this.#call?.destroy()
      return this.#fail('junk', `status line ${head.status} ${head.message}`)
    }
    if (head.status === STATUS_UNAVAILABLE && this.#owner.mayLeave(this.upstream)) {
      this.#call?.destroy()
      return this.#fail('declined', String(head.status))
    }
    this.#state = 'answering'
    this.#allow(this.#timeouts.answerIdleMs)
    this.#owner.answered(head)
  }

  piece(piece: Buffer): boolean {
    this.#progressed()
    return this.#owner.piece(piece)
  }

  whole(): void {
    if (this.#state === 'over') return
    this.#end()
    this.#owner.completed(this.upstream)
  }

  upgraded(head: AnswerHead, end: TunnelEnd): void {
    this.#end()
    this.#owner.upgraded(this.upstream, head, end)
  }

  broke(code: string): void {
    if (this.#state === 'waiting') this.#fail(isRefusal(code) ? 'refused' : 'unreached', code)
    else this.#fail(code.startsWith('HPE_') ? 'junk' : 'broken', code)
  }

  closed(): void {
    this.upstream.left()
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
    const dueAtMs = this.#progressedAtMs + this.#allowedMs
    const untilMs = this.#state === 'answering' ? dueAtMs : Math.min(dueAtMs, this.#what.deadlineAtMs)
    const leftMs = untilMs - performance.now()
    if (leftMs > 0) this.#watch(leftMs)
    else this.#timedOut()
  }

  #timedOut(): void {
    const state = this.#state
    const awaitsClient = state === 'sending' && !this.#what.received && this.#call?.blocked === false
    this.#call?.destroy()
    if (state === 'waiting') this.#fail('unreached', 'no connection came free')
    else this.#fail(awaitsClient ? 'client-stalled' : 'silent', 'timeout')
  }

  #fail(kind: FailureKind, reason: string): void {
    const state = this.#state
    if (state === 'over') return
    this.#end()
    const sent = state === 'waiting' ? 'nothing' : 'something'
    this.#owner.failed(this.upstream, { kind, reason, sent, answer: state === 'answering' ? 'begun' : 'none' })
  }

  #end(): void {
    if (this.#state === 'sending' || this.#state === 'answering') this.#what.body?.hold()
    this.#state = 'over'
    clearTimeout(this.#timer)
  }
}

/** Node's client takes any three digits for a status and any bytes for its reason, but its server writes neither. */
function isPassable({ status, message }: AnswerHead): boolean {
  return status >= 200 && /^[\t\x20-\x7e\x80-\xff]*$/.test(message)
}
