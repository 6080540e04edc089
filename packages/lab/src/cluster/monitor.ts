import type { ClusterNode } from './node.ts'

const EVERY_MS = 1_000

/** Checks every node once a second for signals from elsewhere, of which nothing tells the lab. Returns a function that stops it. */
export function monitor(nodes: readonly ClusterNode[]): () => void {
  const timer = setInterval(() => {
    for (const node of nodes) void node.observe()
  }, EVERY_MS)
  return () => clearInterval(timer)
}
