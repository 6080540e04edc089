import type { Counts } from './trace/counts.ts'
import type { ProbeResult, StrategyFacts } from './trace/events.ts'
import type { FaultFacts } from './trace/fault-facts.ts'

export type NodeLife = 'starting' | 'up' | 'paused' | 'draining' | 'down'

/** As it is told: a node that is down because it was asked to leave is stopped, which is no death. */
export type ToldLife = NodeLife | 'stopped'

export function lifeOf({ state, hasLeft }: Pick<NodeState, 'state' | 'hasLeft'>): ToldLife {
  return state === 'down' && hasLeft === true ? 'stopped' : state
}

export interface NodeState {
  readonly name: string
  readonly url: string
  /** Absent while there is no such process. */
  readonly pid?: number
  readonly state: NodeLife
  /** When it came into this state. */
  readonly sinceMs: number
  readonly sessions: number
  /** Without exits after a drain. */
  readonly deaths: number
  /** How long it was down in all, without the present time. */
  readonly downtimeMs: number
  /** It is down after a drain, which is no death. */
  readonly hasLeft?: true
  /** Requests that the balancer sent on from it: those that it may have carried out, and those of which it saw nothing. */
  readonly retries: number
  readonly reroutes: number
  /** Whether the balancer has ejected it. */
  readonly ejected: boolean
  /** The balancer's last decision about it. */
  readonly decision?: Decision
  /** The first of the balancer's probes of it that ended as the last one did. */
  readonly probe?: ProbeState
  /** Why its store is not open yet, while it starts, in the store's own words. */
  readonly awaits?: string
  /** When it went down last. */
  readonly downAtMs?: number
}

export interface ProbeState extends Omit<ProbeResult, 'type' | 'upstream'> {
  readonly atMs: number
}

export interface Decision {
  readonly what: 'ejected' | 'readmitted' | 'draining'
  readonly atMs: number
  readonly reason?: string
}

export interface FaultState extends FaultFacts {
  readonly id: string
  readonly kind: string
  readonly target: string
  /** Absent until it was confirmed. */
  readonly confirmedAtMs?: number
}

export interface ProcessState {
  readonly url?: string
  readonly pid?: number
}

/** Sums since the run began. `errors` are operations that failed or may have, except those that met a logout. */
export interface UserTotals {
  readonly sent: number
  readonly ok: number
  readonly errors: number
  readonly loggedOut: number
  readonly lost: number
}

export interface SecondOfUsers extends UserTotals {
  readonly atMs: number
  readonly p99Ms: number
  /** How late the users themselves were, at p99. */
  readonly lateMs: number
  readonly byNode: Counts
}

export interface UsersState {
  readonly all: number
  /** Of each user. */
  readonly tabs: number
  /** The planned operations a second of all users together. */
  readonly rate: number
  readonly loggedIn: number
  readonly intact: number
  readonly totals: UserTotals
  /** The last RECENT_SECONDS reports, the oldest first. */
  readonly recent: readonly SecondOfUsers[]
}

export type RunPhase = 'starting' | 'ready' | 'ended'

export interface ClusterState {
  /** The last event's number; -1 before the first. */
  readonly seq: number
  readonly atMs: number
  readonly run: string
  readonly startedAtMs: number
  readonly seed: number
  readonly phase: RunPhase
  readonly strategy: StrategyFacts
  readonly store: string
  /** How many nodes have to run before any of them serves. */
  readonly needs: number
  /** When the last of all nodes went down, and no other ran. */
  readonly noneAtMs?: number
  readonly balancer: ProcessState
  readonly nodes: readonly NodeState[]
  /** The faults that are not healed, in the order of injection. */
  readonly faults: readonly FaultState[]
  readonly users: UsersState
  /** The people in the shop, the one that was served last at the end; at most VISITORS_MAX. */
  readonly visitors: readonly VisitorState[]
}

/** A person's browser in the shop. */
export interface VisitorState {
  readonly id: string
  /** The node that answered last. */
  readonly node: string
  readonly user?: string
  /** `out`: was logged in, and is not any more without having asked. */
  readonly standing: 'away' | 'in' | 'out'
  /** The nodes that answered last and have not died since, the newest first. */
  readonly nodes: readonly string[]
  /** The last death of a node that had answered. */
  readonly death?: VisitorDeath
}

export interface VisitorDeath {
  readonly node: string
  readonly atMs: number
  /** The node that answered first after that; absent until then. */
  readonly next?: string
}

export const VISITORS_MAX = 10

export const RECENT_SECONDS = 60

export const noTotals: UserTotals = { sent: 0, ok: 0, errors: 0, loggedOut: 0, lost: 0 }

export const initialState: ClusterState = {
  seq: -1,
  atMs: 0,
  run: '',
  startedAtMs: 0,
  seed: 0,
  phase: 'starting',
  strategy: { name: '', routing: '', summary: '', onNodeDeath: '' },
  store: '',
  needs: 1,
  balancer: {},
  nodes: [],
  faults: [],
  users: { all: 0, tabs: 1, rate: 0, loggedIn: 0, intact: 0, totals: noTotals, recent: [] },
  visitors: [],
}

export function findNode(state: Pick<ClusterState, 'nodes'>, name: string): NodeState | undefined {
  return state.nodes.find((node) => node.name === name)
}

/** Whether every node is up and gets requests. */
export function allServe({ nodes }: ClusterState): boolean {
  return nodes.every(({ state, ejected }) => state === 'up' && !ejected)
}

/** Whether every node serves, and no fault stands. */
export function isWhole(state: ClusterState): boolean {
  return state.faults.length === 0 && allServe(state)
}
