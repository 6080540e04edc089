import type { Counts } from '@ninelives/history'

export interface NodeSeen {
  readonly node: string
  readonly answers: boolean
}

interface Seen {
  /** A moving average of its answers a second, over seconds in which it answered. */
  rate: number
  silentSeconds: number
  answers: boolean
}

/** The weight of the last second in the average. */
const LATEST_WEIGHT = 0.3
/**
 * A node counts as silent when so many expected answers are missing. A healthy node of which 12 answers are expected gives none
 * about once in 160,000 cases.
 */
const MISSED_ANSWERS_MIN = 12

/** Detects from the answers alone, second by second, that a node stopped answering or answers again. */
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
