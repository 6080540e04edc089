/**
 * Cancels a request whose client is gone or was refused. A request waits for one thing at a time, an attempt or a place in a queue, and
 * that one is cancelled. An AbortSignal would do, but costs each request some microseconds.
 */

/** What a request waits for. */
export interface Cancellable {
  cancel(): void
}

export class CancelSignal {
  #isCancelled = false
  #awaited: Cancellable | undefined

  get isCancelled(): boolean {
    return this.#isCancelled
  }

  /** From now on the request waits for this. */
  awaits(awaited: Cancellable): void {
    this.#awaited = awaited
  }

  /** What it waited for has ended. */
  awaitsNothing(): void {
    this.#awaited = undefined
  }

  cancel(): void {
    this.#isCancelled = true
    this.#awaited?.cancel()
  }
}
