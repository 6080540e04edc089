/** Two nodes with many sessions, and a third that comes back with none: what an idle session takes, and how long it takes. */
import { meshCluster } from './cluster.ts'
import type { Filled, Full, Memory } from './questions.ts'

export interface Joining {
  readonly sessions: number
  /** Of one session's body as JSON. */
  readonly jsonBytes: number
  /** What the heap of a node grew by for each session, key, record and its place in the map included. */
  readonly heapBytes: number
  /** From the start of its store until it answered, right from the first read. */
  readonly servesAfterMs: number
  /** Until it had answered some hundreds of reads of what others hold, each rightly. */
  readonly readAfterMs: number
  /** Until it held every session itself. */
  readonly fullAfterMs: number
}

const NODES = 3

export async function measureJoining(sessions: number): Promise<Joining> {
  const cluster = await meshCluster('replicated', NODES)
  try {
    const [writer, holder] = cluster.nodes
    if (writer === undefined || holder === undefined) throw new Error('there are three nodes')
    // What is loaded and compiled at the first use is no session's.
    await writer.ask({ ask: 'fill', sessions: 1_000 })
    const before = await holder.ask<Memory>({ ask: 'memory' })
    const { jsonBytes, keys } = await writer.ask<Filled>({ ask: 'fill', sessions })
    await holder.ask<Full>({ ask: 'full', sessions: sessions + 1_000 })
    const after = await holder.ask<Memory>({ ask: 'memory' })
    const joining = await cluster.replace(NODES - 1)
    const { atMs: readAfterMs } = await joining.ask<{ atMs: number }>({ ask: 'read', keys })
    const { fullAfterMs } = await joining.ask<Full>({ ask: 'full', sessions: sessions + 1_000 })
    return {
      sessions,
      jsonBytes,
      heapBytes: (after.heapBytes - before.heapBytes) / sessions,
      servesAfterMs: joining.ready.servesAfterMs,
      readAfterMs,
      fullAfterMs,
    }
  } finally {
    cluster.stop()
  }
}
