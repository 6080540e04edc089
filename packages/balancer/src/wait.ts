/**
 * One request's wait in a queue. It ends exactly once: the queue serves it, its time is up, or its request is given up. The queue
 * is told first and the request goes on in a later microtask, so a request that is served can't change the queue while the queue
 * still serves others.
 */

export type WaitOutcome = 'served' | 'expired' | 'abandoned'

export interface WaitOptions {
  readonly waitMs: number
  /** Aborted when the request is given up. */
  readonly signal: AbortSignal
  /** Takes the wait out of its queue. */
  readonly ended: (outcome: WaitOutcome) => void
}

export class Wait {
  readonly outcome: Promise<WaitOutcome>
  readonly #resolve: (outcome: WaitOutcome) => void
  readonly #signal: AbortSignal
  readonly #ended: (outcome: WaitOutcome) => void
  readonly #timer: NodeJS.Timeout
  readonly #abandon = () => this.end('abandoned')

  constructor({ waitMs, signal, ended }: WaitOptions) {
    const { promise, resolve } = Promise.withResolvers<WaitOutcome>()
    this.outcome = promise
    this.#resolve = resolve
    this.#signal = signal
    this.#ended = ended
    this.#timer = setTimeout(() => this.end('expired'), waitMs)
    signal.addEventListener('abort', this.#abandon)
  }

  end(outcome: WaitOutcome): void {
    clearTimeout(this.#timer)
    this.#signal.removeEventListener('abort', this.#abandon)
    this.#ended(outcome)
    this.#resolve(outcome)
  }
}
