import type { Counts } from '@ninelives/history'

export interface NodeSeen {
  readonly node: string
  readonly answers: boolean
}

interface Seen {
  /** Answers a second while it answered, with more weight on the latest. */
  rate: number
  silentSeconds: number
  answers: boolean
}

/** How much the last second counts for in the rate. */
const LATEST_WEIGHT = 0.3
/**
 * A node is taken to be silent once so many answers are missing. A healthy one that is due 12 answers on average gives
 * none about once in 160,000 times.
 */
const MISSED_ANSWERS_MIN = 12

/** Tells from the answers alone, a second at a time, that a node stopped giving any, or gives some again. */
export class SeenNodes {
  readonly #nodes = new Map<string, Seen>()

  get names(): string[] {
    return [...this.#nodes.keys()].sort()
  }

  second(byNode: Counts): NodeSeen[] {
    for (const node of Object.keys(byNode)) {
      if (!this.#nodes.has(node)) this.#nodes.set(node, { rate: byNode[node] ?? 0, silentSeconds: 0, answers: true })
    }
    return [...this.#nodes].flatMap(([node, seen]) => {
      const before = seen.answers
      note(seen, byNode[node] ?? 0)
      return seen.answers === before ? [] : [{ node, answers: seen.answers }]
    })
  }
}

function note(seen: Seen, answers: number): void {
  if (answers > 0) {
    seen.rate = seen.answers ? seen.rate + LATEST_WEIGHT * (answers - seen.rate) : answers
    seen.silentSeconds = 0
    seen.answers = true
    return
  }
  seen.silentSeconds++
  if (seen.rate * seen.silentSeconds >= MISSED_ANSWERS_MIN) seen.answers = false
}
