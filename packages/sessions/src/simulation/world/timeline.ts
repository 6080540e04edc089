/** Virtual time: a binary heap of what is due; what is due at the same time runs in the order in which it was planned. */
interface Due {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export class Timeline {
  readonly #heap: Due[] = []
  #planned = 0
  #nowMs = 0

  get nowMs(): number {
    return this.#nowMs
  }

  at(atMs: number, run: () => void): void {
    const heap = this.#heap
    const due = { atMs: Math.max(atMs, this.#nowMs), order: this.#planned++, run }
    let child = heap.length
    while (child > 0) {
      const parent = (child - 1) >> 1
      if (!isBefore(due, heap[parent] as Due)) break
      heap[child] = heap[parent] as Due
      child = parent
    }
    heap[child] = due
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.#nowMs + delayMs, run)
  }

  /** Runs everything due until then, including what that adds. */
  runUntil(untilMs: number): void {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.atMs > untilMs) break
      this.#removeFirst()
      this.#nowMs = first.atMs
      first.run()
    }
    this.#nowMs = untilMs
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop() as Due
    const { length } = heap
    if (length === 0) return
    let parent = 0
    for (;;) {
      let child = 2 * parent + 1
      if (child >= length) break
      if (child + 1 < length && isBefore(heap[child + 1] as Due, heap[child] as Due)) child++
      if (!isBefore(heap[child] as Due, last)) break
      heap[parent] = heap[child] as Due
      parent = child
    }
    heap[parent] = last
  }
}

function isBefore(left: Due, right: Due): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order)
}
