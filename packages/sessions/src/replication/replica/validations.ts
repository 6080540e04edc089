/** Queues `validate` messages: each leaves with the next message to that replica, or with the next tick. */
import type { PeerContext } from '../context/peer-context.ts'
import { TICK_MS } from '../context/timing.ts'
import type { Validate } from '../wire/messages.ts'

export class Validations {
  readonly #context: PeerContext
  readonly #waiting: Validate[][]

  constructor(context: PeerContext) {
    this.#context = context
    this.#waiting = context.names.map(() => [])
  }

  add(rank: number, validation: Validate): void {
    this.#waiting[rank]?.push(validation)
    this.#context.due(this.#context.clock.monotonicMs() + TICK_MS)
  }

  flush(rank: number): void {
    const waiting = this.#waiting[rank]
    if (waiting === undefined || waiting.length === 0) return
    this.#waiting[rank] = []
    for (const validation of waiting) this.#context.post(rank, validation)
  }

  flushAll(): void {
    for (let rank = 0; rank < this.#waiting.length; rank++) this.flush(rank)
  }
}
