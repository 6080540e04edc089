/**
 * One try of one request at one upstream.
 *
 *     waiting ──(connected)──▶ asking ──(body wanted)──▶ sending ──(answer)──▶ answering ──▶ over
 *
 * The body is not read from the client before the connection to the upstream stands, so an attempt that ends while *waiting* has
 * consumed nothing, and the whole request can go elsewhere. With `Expect: 100-continue` it is *asking* until the upstream wants the
 * body, and has sent only the header; the answer may come then, too. These states say what was sent; an error's code and
 * `bytesWritten` are unreliable. The answer streams to the client; how the attempt ended is its outcome.
 */
import type { Cancellable, CancelSignal } from '../queues/cancel-signal.ts'
import type { ClientAnswer } from './client-answer.ts'
import type { AttemptOutcome, FailureKind } from './retry-decision.ts'
import type { RetryPlan } from './retry-plan.ts'
import type { Choice } from '../routing/routing.ts'
import type { AnswerHead, Call, CallListener, Transport, TunnelEnd } from '../transports/transport.ts'
import { isRefusal } from '../upstreams/refusal.ts'
import type { UpstreamRequest } from './upstream-request.ts'
import type { Holder, Upstream } from '../upstreams/upstream.ts'

export interface AttemptTimeouts {
  readonly attemptTimeoutMs: number
  readonly answerIdleMs: number
  /** How long an upstream may take to say whether it wants a body. */
  readonly continueWaitMs: number
}

export interface AttemptOptions {
  readonly request: UpstreamRequest
  readonly answer: ClientAnswer
  readonly plan: Pick<RetryPlan, 'sent' | 'mayMove'>
  readonly timeouts: AttemptTimeouts
  readonly transport: Transport
  readonly signal: CancelSignal
}

/** The choice includes a place at its upstream, which the attempt gives back when it ends. */
export function attempt(choice: Choice, options: AttemptOptions): Promise<AttemptOutcome> {
  if (!options.signal.isCancelled) return new Attempt(choice, options).outcome
  choice.upstream.left()
  return Promise.resolve({ kind: 'cancelled' })
}

const ANSWERED = { kind: 'answered' } as const
const STATUS_CONTINUE = 100
const STATUS_UNAVAILABLE = 503

class Attempt implements CallListener, Holder, Cancellable {
  place = -1
  readonly outcome: Promise<AttemptOutcome>
  readonly #resolve: (outcome: AttemptOutcome) => void
  readonly #upstream: Upstream
  readonly #choice: Choice
  readonly #options: AttemptOptions
  readonly #call: Call
  #state: 'waiting' | 'asking' | 'sending' | 'answering' | 'over' = 'waiting'
  #timer: NodeJS.Timeout | undefined
  #continueTimer: NodeJS.Timeout | undefined
  #allowedMs = 0
  #progressedAtMs = 0
  /** The client has not taken what came of the answer: the upstream is not read until then. */
  #awaitsClient = false

  constructor(choice: Choice, options: AttemptOptions) {
    const { request, timeouts, transport, signal } = options
    const { promise, resolve } = Promise.withResolvers<AttemptOutcome>()
    this.outcome = promise
    this.#resolve = resolve
    this.#upstream = choice.upstream
    this.#choice = choice
    this.#options = options
    this.#allow(timeouts.attemptTimeoutMs)
    this.#watch(request.deadlineAtMs - this.#progressedAtMs)
    this.#upstream.hold(this)
    signal.awaits(this)
    this.#call = transport.call(request, this.#upstream, this)
    this.#call.begin()
  }

  cancel(): void {
    this.#giveUp({ kind: 'cancelled' })
  }

  reassign(reason: string): void {
    // Once the answer has begun, the connection tells whether the rest comes.
    if (this.#state === 'answering' || this.#state === 'over') return
    const failure = { kind: 'lost', reason, sent: this.#sent, answer: 'none' } as const
    // Its answer may still come, so the attempt goes on unless another upstream can take the request.
    if (this.#options.plan.mayMove(this.#upstream, failure)) this.#giveUp(failure)
  }

  write(piece: Buffer): boolean {
    this.#progressed()
    return this.#call.write(piece)
  }

  end(): void {
    this.#call.end()
  }

  connected(): void {
    if (this.#state !== 'waiting') return
    const { plan, answer, request, timeouts } = this.#options
    this.#state = 'asking'
    plan.sent(this.#upstream)
    answer.sending()
    if (!request.expectsContinue) return this.#goOn()
    this.#continueTimer = setTimeout(() => this.#goOn(), timeouts.continueWaitMs)
  }

  writable(): void {
    if (this.#state !== 'over') this.#options.request.body?.flow()
  }

  interim(head: AnswerHead): void {
    if (this.#state === 'answering' || this.#state === 'over') return
    if (head.status === STATUS_CONTINUE) this.#goOn()
    else this.#options.answer.interim(head)
  }

  head(head: AnswerHead): void {
    if (this.#state === 'over') return
    const { plan, request, answer, timeouts } = this.#options
    if (!isPassable(head)) {
      this.#call.destroy()
      return this.#fail('junk', `status line ${head.status} ${head.message}`)
    }
    if (head.status === STATUS_UNAVAILABLE) {
      const failure = { kind: 'declined', reason: String(head.status), sent: 'something', answer: 'none' } as const
      // The client gets the answer of the last one that declines.
      if (plan.mayMove(this.#upstream, failure)) return this.#giveUp(failure)
    }
    this.#state = 'answering'
    this.#allow(timeouts.answerIdleMs)
    request.body?.forget()
    answer.begin(head, this.#choice.fields)
  }

  piece(piece: Buffer): boolean {
    this.#progressed()
    this.#awaitsClient = !this.#options.answer.write(piece, () => this.#taken())
    return !this.#awaitsClient
  }

  whole(trailers: readonly string[]): void {
    if (this.#state === 'over') return
    this.#end(ANSWERED)
    this.#options.answer.end(trailers)
  }

  upgraded(head: AnswerHead, end: TunnelEnd): void {
    this.#end({ kind: 'upgraded' })
    this.#options.answer.upgrade(head, this.#choice, end)
  }

  broke(code: string, connection?: 'stale'): void {
    if (this.#state === 'waiting') this.#fail(isRefusal(code) ? 'refused' : 'unreached', code)
    else this.#fail(code.startsWith('HPE_') ? 'junk' : (connection ?? 'broken'), code)
  }

  closed(): void {
    this.#upstream.left()
  }

  /** The upstream is read again, and its time begins anew. */
  #taken(): void {
    this.#awaitsClient = false
    this.#progressed()
    this.#call.resume()
  }

  /** The upstream wants the body, or its time to say so is up. */
  #goOn(): void {
    if (this.#state !== 'asking') return
    const { request, answer } = this.#options
    this.#state = 'sending'
    clearTimeout(this.#continueTimer)
    this.#progressed()
    answer.goOn()
    if (request.taken === undefined) request.body?.sendTo(this)
  }

  /** How long the next step may take; each progress starts it anew. */
  #allow(ms: number): void {
    this.#allowedMs = ms
    this.#progressed()
  }

  #progressed(): void {
    this.#progressedAtMs = performance.now()
  }

  /** One timer an attempt, which checks periodically: resetting it with every chunk would cost more than passing the chunk on. */
  #watch(leftMs: number): void {
    const { attemptTimeoutMs, answerIdleMs } = this.#options.timeouts
    // If this process itself was stopped, the awaited bytes lie in a socket and are read before the next immediate.
    const look = () => setImmediate(() => this.#look())
    this.#timer = setTimeout(look, Math.min(leftMs, attemptTimeoutMs, answerIdleMs))
  }

  #look(): void {
    if (this.#state === 'over') return
    const dueAtMs = this.#progressedAtMs + this.#allowedMs
    const untilMs = this.#state === 'answering' ? dueAtMs : Math.min(dueAtMs, this.#options.request.deadlineAtMs)
    const leftMs = untilMs - performance.now()
    if (leftMs > 0) this.#watch(leftMs)
    else this.#timedOut()
  }

  #timedOut(): void {
    const state = this.#state
    const awaitsBody = state === 'sending' && !this.#options.request.received && !this.#call.blocked
    const isClients = awaitsBody || this.#awaitsClient
    this.#call.destroy()
    if (state === 'waiting') this.#fail('unreached', 'no connection came free')
    else this.#fail(isClients ? 'client-stalled' : 'silent', 'timeout')
  }

  get #sent(): 'nothing' | 'something' {
    return this.#state === 'waiting' ? 'nothing' : 'something'
  }

  #fail(kind: FailureKind, reason: string): void {
    if (this.#state === 'over') return
    this.#end({ kind, reason, sent: this.#sent, answer: this.#state === 'answering' ? 'begun' : 'none' })
  }

  /** From here all events of the upstream are ignored. */
  #giveUp(outcome: AttemptOutcome): void {
    this.#end(outcome)
    this.#call.destroy()
  }

  #end(outcome: AttemptOutcome): void {
    const { request, signal } = this.#options
    if (this.#state === 'sending' || this.#state === 'answering') request.body?.hold()
    this.#state = 'over'
    clearTimeout(this.#timer)
    clearTimeout(this.#continueTimer)
    signal.awaitsNothing()
    this.#upstream.release(this)
    this.#resolve(outcome)
  }
}

/** Node's client accepts any three digits as a status and any bytes as a reason; its server refuses to write them. */
function isPassable({ status, message }: AnswerHead): boolean {
  return status >= 200 && /^[\t\x20-\x7e\x80-\xff]*$/.test(message)
}
