/** What the bench asks a node of a mesh, one thing at a time. */
export type Question =
  /** What it has used since its start. */
  | { readonly ask: 'usage' }
  /** Creates so many sessions of its own. */
  | { readonly ask: 'fill'; readonly sessions: number }
  /** Writes so often to sessions of its own, so many at a time. */
  | { readonly ask: 'write'; readonly writes: number; readonly atOnce: number }
  /** After a collection of garbage. */
  | { readonly ask: 'memory' }
  /** Reads sessions that others created, which it must know. */
  | { readonly ask: 'read'; readonly keys: readonly string[] }
  /** Waits until it holds so many itself. */
  | { readonly ask: 'full'; readonly sessions: number }

export interface Ready {
  readonly servesAfterMs: number
}

export interface Usage {
  readonly cpuMicros: number
  readonly sentBytes: number
  readonly sessions: number
}

export interface Filled {
  readonly jsonBytes: number
  /** Some of them. */
  readonly keys: readonly string[]
}

export interface Written {
  /** Of each write. */
  readonly p50Micros: number
  readonly p99Micros: number
  /** Not known to have been made: the machine was too slow for its nodes to hear of each other in time. */
  readonly refused: number
}

export interface Memory {
  readonly heapBytes: number
}

export interface Full {
  /** Since the process began to open its store. */
  readonly fullAfterMs: number
}
