import { sum } from './trace/counts.ts'
import type {
  NodeDown,
  NodeStarting,
  ProcessName,
  ProcessNoted,
  RunStarted,
  TraceEvent,
  UsersSecond,
} from './trace/events.ts'
import { visitorsAfterDeath, withVisitor } from './visitors.ts'
import {
  type ClusterState,
  findNode,
  initialState,
  type NodeLife,
  noTotals,
  type NodeState,
  type ProcessState,
  RECENT_SECONDS,
  type SecondOfUsers,
  type UsersState,
  type UserTotals,
} from './state.ts'

/** The cluster's state after this event. An unknown type changes nothing. */
export function reduce(state: ClusterState, event: TraceEvent): ClusterState {
  return { ...state, ...change(state, event, event.atMs), seq: event.seq, atMs: event.atMs }
}

function change(state: ClusterState, event: TraceEvent, atMs: number): Partial<ClusterState> {
  switch (event.type) {
    case 'run-started':
      return begin(event)
    case 'cluster-ready':
      return { phase: 'ready' }
    case 'node-starting':
      return nodeStarting(state, event, atMs)
    case 'node-up':
      return withNode(withoutAwaits(state, event.node), event.node, {
        state: 'up',
        sinceMs: atMs,
        pid: event.pid,
        ...downtime(state, event.node, atMs),
      })
    case 'node-paused':
      return withNode(state, event.node, { state: 'paused', sinceMs: atMs })
    case 'node-resumed':
      return withNode(state, event.node, { state: 'up', sinceMs: atMs })
    case 'node-draining':
      return withNode(state, event.node, { state: 'draining', sinceMs: atMs })
    case 'node-down':
      return nodeDown(state, event, atMs)
    case 'process-up':
      return withProcess(state, event.process, event)
    case 'process-down':
      return { ...withProcess(state, event.process, {}), ...forgotten(state, event.process) }
    case 'fault-injected': {
      const { type: _type, fault: id, seq: _seq, atMs: _atMs, ...facts } = event
      return { faults: [...state.faults, { id, ...facts }] }
    }
    case 'fault-confirmed':
      return {
        faults: state.faults.map((fault) => (fault.id === event.fault ? { ...fault, confirmedAtMs: atMs } : fault)),
      }
    case 'fault-healed':
      return { faults: state.faults.filter((fault) => fault.id !== event.fault) }
    case 'fault-failed':
      // A fault that landed and could not be healed is still there.
      return {
        faults: state.faults.filter(({ id, confirmedAtMs }) => id !== event.fault || confirmedAtMs !== undefined),
      }
    case 'sessions-held':
      return { nodes: state.nodes.map((node) => ({ ...node, sessions: event.held[node.name] ?? node.sessions })) }
    case 'users-paced':
      return { users: { ...state.users, rate: event.rate } }
    case 'users-second':
      return { users: addSecond(state.users, event, atMs) }
    case 'run-ended':
      return { phase: 'ended' }
    case 'upstream-ejected':
      return withNode(state, event.upstream, {
        ejected: true,
        decision: { what: 'ejected', atMs, reason: event.reason },
      })
    case 'upstream-readmitted':
      return withNode(state, event.upstream, { ejected: false, decision: { what: 'readmitted', atMs } })
    case 'upstream-draining':
      return withNode(state, event.upstream, { decision: { what: 'draining', atMs } })
    case 'probe-result': {
      const { type: _type, seq: _seq, upstream, ...probe } = event
      return withNode(state, upstream, { probe })
    }
    case 'requests-resent': {
      const { retries = 0, reroutes = 0 } = findNode(state, event.upstream) ?? {}
      return withNode(state, event.upstream, {
        retries: retries + event.retries,
        reroutes: reroutes + event.reroutes,
      })
    }
    case 'visitor-served':
      return { visitors: withVisitor(state, event) }
    case 'process-noted':
      return noted(state, event)
    case 'operation-sent':
    case 'operation-ended':
      return {}
    default:
      // A type from a newer writer of the same schema.
      event satisfies never
      return {}
  }
}

/** Stores that the nodes are themselves: a majority of them serves. */
const MESH = /^(?:replicated|clustered):/

function begin(event: RunStarted): Partial<ClusterState> {
  return {
    ...initialState,
    run: event.run,
    startedAtMs: event.startedAtMs,
    seed: event.seed,
    strategy: event.strategy,
    store: event.store,
    needs: MESH.test(event.store) ? Math.floor(event.nodes.length / 2) + 1 : 1,
    balancer: { url: event.balancerUrl },
    nodes: event.nodes.map(({ name, url }) => ({
      name,
      url,
      state: 'starting',
      sinceMs: 0,
      sessions: 0,
      deaths: 0,
      downtimeMs: 0,
      retries: 0,
      reroutes: 0,
      ejected: false,
    })),
    users: { ...initialState.users, all: event.users, tabs: event.tabs ?? 1, rate: event.rate },
  }
}

function withNode(state: ClusterState, name: string, changes: Partial<NodeState>): Partial<ClusterState> {
  return { nodes: state.nodes.map((node) => (node.name === name ? { ...node, ...changes } : node)) }
}

function nodeStarting(
  state: ClusterState,
  { node: name, pid, url }: NodeStarting,
  atMs: number,
): Partial<ClusterState> {
  const nodes = state.nodes.map((node): NodeState => {
    if (node.name !== name) return node
    const { hasLeft: _back, awaits: _open, ...rest } = node
    return { ...rest, state: 'starting', sinceMs: atMs, pid, url, sessions: 0 }
  })
  return { nodes }
}

function withoutAwaits(state: ClusterState, name: string): ClusterState {
  const nodes = state.nodes.map((node) => {
    const { awaits: _open, ...rest } = node
    return node.name === name ? rest : node
  })
  return { ...state, nodes }
}

/** A node is down until it is up again: its start is part of that. */
function downtime(state: ClusterState, name: string, atMs: number): Pick<NodeState, 'downtimeMs'> | undefined {
  const node = findNode(state, name)
  if (node?.state !== 'starting' || node.downAtMs === undefined) return undefined
  return { downtimeMs: node.downtimeMs + atMs - node.downAtMs }
}

function nodeDown(state: ClusterState, { node: name, code }: NodeDown, atMs: number): Partial<ClusterState> {
  const nodes = state.nodes.map((node): NodeState => {
    if (node.name !== name) return node
    const { pid: _gone, awaits: _open, ...rest } = node
    // A node that has drained, or that stops with the lab, is no death.
    const hasLeft = state.phase === 'ended' || (node.state === 'draining' && code === 0)
    const deaths = node.deaths + (hasLeft ? 0 : 1)
    const left = hasLeft ? ({ hasLeft } as const) : {}
    return { ...rest, state: 'down', sinceMs: atMs, sessions: 0, deaths, downAtMs: atMs, ...left }
  })
  const isDeath = findNode({ nodes }, name)?.deaths !== findNode(state, name)?.deaths
  return {
    nodes,
    ...(isDeath ? { visitors: visitorsAfterDeath(state, name, atMs) } : {}),
    ...(state.phase === 'ready' && nodes.every((node) => !RUNS.has(node.state)) ? { noneAtMs: atMs } : {}),
  }
}

/** A node that starts has nothing in its memory yet. */
const RUNS: ReadonlySet<NodeLife> = new Set(['up', 'paused', 'draining'])

function noted(state: ClusterState, { process, event, detail }: ProcessNoted): Partial<ClusterState> {
  const [, name] = /^node-(.+)$/.exec(process) ?? []
  if (name === undefined || event !== 'store-awaited') return {}
  const { reason } = detail
  return withNode(state, name, { awaits: typeof reason === 'string' ? reason : '' })
}

function withProcess(state: ClusterState, name: ProcessName, { pid, url }: ProcessState): Partial<ClusterState> {
  if (name !== 'balancer') return {}
  const lastUrl = url ?? state.balancer.url
  return { balancer: { ...(lastUrl === undefined ? {} : { url: lastUrl }), ...(pid === undefined ? {} : { pid }) } }
}

/** A balancer that died takes what it knew of the nodes along; the next one begins with trust. */
function forgotten(state: ClusterState, name: ProcessName): Partial<ClusterState> {
  if (name !== 'balancer') return {}
  return { nodes: state.nodes.map(({ probe: _probe, ...node }) => ({ ...node, ejected: false })) }
}

function addSecond(users: UsersState, second: UsersSecond, atMs: number): UsersState {
  const { 'logged-out': _counted, ...failed } = second.failed
  const sums: UserTotals = {
    sent: second.sent,
    ok: second.ok,
    errors: sum(failed) + sum(second.unknown),
    loggedOut: second.loggedOut,
    lost: second.lost,
  }
  const { latencyMs, lateMs, byNode } = second
  const latest: SecondOfUsers = { ...sums, atMs, p99Ms: latencyMs.p99, lateMs, byNode }
  return {
    ...second.users,
    tabs: users.tabs,
    rate: users.rate,
    totals: addTotals(users.totals, sums),
    recent: [...users.recent, latest].slice(-RECENT_SECONDS),
  }
}

function addTotals(a: UserTotals, b: UserTotals): UserTotals {
  return {
    sent: a.sent + b.sent,
    ok: a.ok + b.ok,
    errors: a.errors + b.errors,
    loggedOut: a.loggedOut + b.loggedOut,
    lost: a.lost + b.lost,
  }
}

/** The totals of the last seconds, with the answers of each node. */
export function sumRecent(users: UsersState, seconds: number): UserTotals & { byNode: Record<string, number> } {
  const byNode: Record<string, number> = {}
  let totals = noTotals
  for (const second of users.recent.slice(-seconds)) {
    totals = addTotals(totals, second)
    for (const [node, count] of Object.entries(second.byNode)) byNode[node] = (byNode[node] ?? 0) + count
  }
  return { ...totals, byNode }
}

const BUSY_SECONDS = 10
const LATE_MS = 50

/** How late the users were in most of the last seconds, if the machine that they share with the cluster is too busy for either. */
export function lateFor({ recent }: UsersState): number | undefined {
  const late = recent.slice(-BUSY_SECONDS).map(({ lateMs }) => lateMs)
  if (late.length < BUSY_SECONDS) return undefined
  const median = late.sort((a, b) => a - b)[BUSY_SECONDS / 2] ?? 0
  return median > LATE_MS ? median : undefined
}
