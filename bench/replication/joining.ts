/** Two nodes with many sessions, and a third that comes back with none: memory of an idle session, and time to join. */
import { meshCluster } from './cluster.ts'
import type { Filled, Full, Memory } from './questions.ts'

export interface Joining {
  readonly sessions: number
  /** Of one session's body as JSON. */
  readonly jsonBytes: number
  /** Growth of a node's heap for each session, with key, record and its place in the map. */
  readonly heapBytes: number
  /** From the start of its store until it answers reads correctly. */
  readonly servesAfterMs: number
  /** Until it had answered some hundreds of reads of others' sessions correctly. */
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
    // The first sessions pay for loading and compilation.
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
