/** The faults that a node elsewhere can't inflict on itself, each with the reason and what works in its place. */
const OF_THE_STORE =
  'the store is not started by this lab: break it where it runs, for example with docker compose kill redis'
const OF_EDGES =
  'the lab has no proxies between these processes: start a cluster of its own with npm start -- --edges on'

const REFUSALS: Readonly<Record<string, string>> = {
  pause:
    'a process that stopped itself could not go on; stall blocks it, and docker compose pause node-b stops the container',
  memory: "the container's limit of memory leaves no room to fill",
  amnesia: OF_THE_STORE,
  eviction: OF_THE_STORE,
  failover: OF_THE_STORE,
  power: OF_THE_STORE,
  latency: OF_EDGES,
  bandwidth: OF_EDGES,
  hold: OF_EDGES,
  reset: OF_EDGES,
  cut: OF_EDGES,
  partition: OF_EDGES,
}

/** Undefined if it can have that fault. */
export function refusalHere(kind: string): string | undefined {
  return REFUSALS[kind]
}
