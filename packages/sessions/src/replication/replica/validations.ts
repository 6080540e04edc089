/** What is committed, told to the other replicas along with whatever goes there next, or at the next tick. */
import type { Valid } from '../wire/messages.ts'
import type { Site } from '../context/peer-context.ts'

export class Notices {
  readonly #site: Site
  readonly #waiting: Valid[][]

  constructor(site: Site) {
    this.#site = site
    this.#waiting = site.names.map(() => [])
  }

  add(rank: number, notice: Valid): void {
    this.#waiting[rank]?.push(notice)
  }

  flush(rank: number): void {
    const waiting = this.#waiting[rank]
    if (waiting === undefined || waiting.length === 0) return
    this.#waiting[rank] = []
    for (const notice of waiting) this.#site.post(rank, notice)
  }

  flushAll(): void {
    for (let rank = 0; rank < this.#waiting.length; rank++) this.flush(rank)
  }
}
