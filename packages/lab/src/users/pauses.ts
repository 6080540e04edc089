/** Pauses that are ended together. With one AbortSignal for all, each pause would search the listeners of all the others. */
export class Pauses {
  readonly #pending = new Set<() => void>()
  #areOver = false

  /** From then on no pause takes time. */
  get areOver(): boolean {
    return this.#areOver
  }

  pause(ms: number): Promise<void> {
    if (this.#areOver) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#pending.delete(end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#pending.add(end)
    })
  }

  end(): void {
    this.#areOver = true
    for (const end of this.#pending) end()
  }
}
