/** The earliest instant at which a peer has something to do. Each part says what it waits for; every tick asks anew. */
export class Agenda {
  readonly #announce: (atMs: number) => void
  #dueAtMs = Infinity
  #isTicking = false

  /** `announce` is told after each tick when the next is due, `Infinity` for never, and between ticks when it is due earlier. */
  constructor(announce: (atMs: number) => void) {
    this.#announce = announce
  }

  at(atMs: number): void {
    if (atMs >= this.#dueAtMs) return
    this.#dueAtMs = atMs
    if (!this.#isTicking) this.#announce(atMs)
  }

  tick(run: () => void): void {
    this.#dueAtMs = Infinity
    this.#isTicking = true
    run()
    this.#isTicking = false
    this.#announce(this.#dueAtMs)
  }
}
