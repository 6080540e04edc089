import type { ClusterState, FaultState, NodeState } from '@ninelives/history'

/** The answer of `GET /api/cluster`, which users' scripts rely on. */
export function clusterView(state: ClusterState) {
  const { strategy, store, balancer, nodes, faults, users, run } = state
  return {
    run,
    strategy: strategy.name,
    store,
    balancer: { url: balancer.url ?? null, pid: balancer.pid ?? null },
    nodes: nodes.map((node) => nodeView(node)),
    faults: faults.map((fault) => faultView(fault, state.startedAtMs)),
    users: { all: users.all, loggedIn: users.loggedIn, intact: users.intact, ...users.totals },
  }
}

/** Null while the node is down. */
export function nodeView({ name, url, pid, state, sessions, deaths }: NodeState) {
  return { name, url, pid: pid ?? null, state, sessions, deaths }
}

function faultView({ id, kind, target, confirmedAtMs }: FaultState, startedAtMs: number) {
  const confirmedAt = confirmedAtMs === undefined ? null : new Date(startedAtMs + confirmedAtMs).toISOString()
  return { id, kind, target, confirmedAt }
}
