/** The faults that a node elsewhere can't inflict on itself, each with the reason and what works in its place. */
import { faults } from '../faults/kinds/index.ts'

const OF_THE_STORE =
  'the store is not started by this lab: break it where it runs, for example with docker compose kill redis'
const OF_EDGES =
  'the lab has no proxies between these processes: start a cluster of its own with npm start -- --edges on'

/** Of faults of nodes. */
const REFUSALS: Readonly<Record<string, string>> = {
  pause:
    'a process that stopped itself could not go on; stall blocks it, and docker compose pause node-b stops the container',
  memory: "the container's limit of memory leaves no room to fill",
}

/** Undefined if it can have that fault. */
export function refusalHere(kind: string): string | undefined {
  const on = faults.get(kind)?.on ?? []
  if (on.includes('edge') || on.includes('partition')) return OF_EDGES
  if (on.includes('store') && !on.includes('node')) return OF_THE_STORE
  return REFUSALS[kind]
}
