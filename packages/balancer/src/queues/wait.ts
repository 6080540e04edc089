/**
 * One request's wait in a queue. It ends exactly once: the queue serves it, its time is up, or its request is given up. The queue
 * is told first and the request goes on in a later microtask, so a request that is served can't change the queue while the queue
 * still serves others.
 */
import type { Cancellable, CancelSignal } from './cancel-signal.ts'

export type WaitOutcome = 'served' | 'expired' | 'abandoned'

export interface WaitOptions {
  readonly waitMs: number
  readonly signal: CancelSignal
  /** Takes the wait out of its queue. */
  readonly ended: (outcome: WaitOutcome) => void
}

export class Wait implements Cancellable {
  readonly outcome: Promise<WaitOutcome>
  readonly #resolve: (outcome: WaitOutcome) => void
  readonly #signal: CancelSignal
  readonly #ended: (outcome: WaitOutcome) => void
  readonly #timer: NodeJS.Timeout

  constructor({ waitMs, signal, ended }: WaitOptions) {
    const { promise, resolve } = Promise.withResolvers<WaitOutcome>()
    this.outcome = promise
    this.#resolve = resolve
    this.#signal = signal
    this.#ended = ended
    this.#timer = setTimeout(() => this.end('expired'), waitMs)
    signal.awaits(this)
  }

  cancel(): void {
    this.end('abandoned')
  }

  end(outcome: WaitOutcome): void {
    clearTimeout(this.#timer)
    this.#signal.awaitsNothing()
    this.#ended(outcome)
    this.#resolve(outcome)
  }
}
