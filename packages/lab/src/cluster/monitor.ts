import { findNode } from '@ninelives/history'
import type { Trace } from '../trace/trace.ts'
import type { ClusterNode } from './node.ts'

const EVERY_MS = 1_000

/**
 * Looks at every node once a second for what nobody tells the lab: a signal from elsewhere, sessions that came or went.
 * Returns what ends it.
 */
export function monitor(nodes: readonly ClusterNode[], trace: Trace): () => void {
  let looking = false
  const look = async (): Promise<void> => {
    if (looking) return
    looking = true
    const held = await Promise.all(nodes.map((node) => lookAt(node)))
    looking = false
    const changed = held.filter((each) => each !== undefined && sessionsOf(trace, each.name) !== each.sessions)
    if (changed.length === 0) return
    trace.append({
      type: 'sessions-held',
      held: Object.fromEntries(changed.map((each) => [each?.name, each?.sessions])),
    })
  }
  const timer = setInterval(() => void look(), EVERY_MS)
  return () => clearInterval(timer)
}

/** Undefined for a node that can't be asked. */
async function lookAt(node: ClusterNode): Promise<{ name: string; sessions: number } | undefined> {
  const { pid, name } = node
  if ((await node.observe()) !== 'running') return undefined
  const sessions = await node.readHeld()
  return pid === node.pid ? { name, sessions } : undefined
}

function sessionsOf(trace: Trace, name: string): number | undefined {
  return findNode(trace.state, name)?.sessions
}
