/**
 * Queues `validate` messages: each leaves with the next change to that replica, at once where a reader has asked, or after
 * `validateMs`. A packet of its own would cost as much as the change itself.
 */
import type { PeerContext } from '../context/peer-context.ts'
import type { Validate } from '../wire/messages.ts'

export class Validations {
  readonly #context: PeerContext
  readonly #waiting: Validate[][]
  /** By rank, when the first of those that wait has to leave. */
  readonly #dueAtMs: number[]

  constructor(context: PeerContext) {
    this.#context = context
    this.#waiting = context.names.map(() => [])
    this.#dueAtMs = context.names.map(() => Infinity)
  }

  add(rank: number, validation: Validate): void {
    if (this.#waiting[rank]?.push(validation) !== 1) return
    const dueAtMs = this.#context.clock.monotonicMs() + this.#context.timing.validateMs
    this.#dueAtMs[rank] = dueAtMs
    this.#context.due(dueAtMs)
  }

  flush(rank: number): void {
    const waiting = this.#waiting[rank]
    if (waiting === undefined || waiting.length === 0) return
    this.#waiting[rank] = []
    this.#dueAtMs[rank] = Infinity
    for (const validation of waiting) this.#context.post(rank, validation)
  }

  tick(now: number): void {
    for (const [rank, dueAtMs] of this.#dueAtMs.entries()) {
      if (now >= dueAtMs) this.flush(rank)
      else this.#context.due(dueAtMs)
    }
  }
}
