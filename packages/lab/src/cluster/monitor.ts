import { findNode } from '@ninelives/history'
import type { Trace } from '../trace/trace.ts'
import type { ClusterNode } from './node.ts'

const EVERY_MS = 1_000

/**
 * Checks every node once a second for what the lab is not notified of: signals from elsewhere, and the number of sessions.
 * Returns a function that stops it.
 */
export function monitor(nodes: readonly ClusterNode[], trace: Trace): () => void {
  let looking = false
  const look = async (): Promise<void> => {
    if (looking) return
    looking = true
    try {
      append(trace, await Promise.all(nodes.map((node) => lookAt(node))))
    } finally {
      looking = false
    }
  }
  const timer = setInterval(() => void look(), EVERY_MS)
  return () => clearInterval(timer)
}

interface Held {
  readonly name: string
  readonly sessions: number
}

/** Undefined for a node that does not answer. */
async function lookAt(node: ClusterNode): Promise<Held | undefined> {
  const { pid, name } = node
  if ((await node.observe()) !== 'running') return undefined
  const sessions = await node.readHeld()
  return pid === node.pid ? { name, sessions } : undefined
}

function append(trace: Trace, seen: readonly (Held | undefined)[]): void {
  const changed = seen.filter(
    (each) => each !== undefined && findNode(trace.state, each.name)?.sessions !== each.sessions,
  )
  if (changed.length === 0) return
  trace.append({ type: 'sessions-held', held: Object.fromEntries(changed.map((each) => [each?.name, each?.sessions])) })
}
