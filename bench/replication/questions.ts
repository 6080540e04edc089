/** The questions of the bench to a node of a mesh, one at a time. */
export type Question =
  /** Its usage since its start. */
  | { readonly ask: 'usage' }
  /** Creates sessions that it owns. */
  | { readonly ask: 'fill'; readonly sessions: number }
  /** Writes to sessions that it owns, `atOnce` at a time. */
  | { readonly ask: 'write'; readonly writes: number; readonly atOnce: number }
  /** After a collection of garbage. */
  | { readonly ask: 'memory' }
  /** Reads sessions that others created. */
  | { readonly ask: 'read'; readonly keys: readonly string[] }
  /** Waits until it holds that many itself. */
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
  /** Writes without an acknowledgement: the machine was too slow for the nodes' heartbeats. */
  readonly refused: number
}

export interface Memory {
  readonly heapBytes: number
}

export interface Full {
  /** Since the process began to open its store. */
  readonly fullAfterMs: number
}
