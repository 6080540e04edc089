import type { Operation, Script } from './script.ts'

/** Whether there are enough copies for an operation while any so many nodes are away. */
export function hasCopies({ nodes, copies }: Script, { verb, ack }: Operation, away: number): boolean {
  const replicas = copies === 'all' ? nodes : Math.min(copies + 1, nodes)
  const left = replicas - away
  if (verb === 'read' || verb === 'touch') return left >= 1
  if (ack === 'one') return left >= Math.min(2, replicas)
  return left >= (ack === 'all' ? replicas : Math.floor(replicas / 2) + 1)
}
