/** What a cluster will have that can be broken, before it starts. */
import { nodeNames, waysOf } from '../cluster/addresses.ts'
import type { Choice } from '../cluster/choose-store.ts'
import type { Place } from './plan-problem.ts'
import { parsePlanned } from './planned.ts'

export function placeOf(kinds: readonly string[], choice: Choice, nodes: number, users: number): Place {
  const names = nodeNames(nodes)
  const edges = waysOf({ ...choice, replica: kinds.some(isFailover) }, names)
  const { store } = choice.strategy
  const isFile = choice.storeUrl === undefined && typeof store === 'object' && 'file' in store
  return { nodes: names, users, server: choice.server?.kind, isFile, edges }
}

/** Whether the fault needs a replica of the store. */
export function isFailover(planned: string): boolean {
  return parsePlanned(planned)?.kind === 'failover'
}
