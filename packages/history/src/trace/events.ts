/**
 * The trace of a run: every fact about a cluster that anything later wants to know, in the order in which the lab
 * learned it. One writer, append-only, one JSON object a line, and the first line is always `run-started`, which names
 * the schema. The live page, the control API, the terminal and the tests all derive what they show from these events,
 * so two of them can't disagree.
 *
 * A reader must ignore the types it does not know: adding one is no new schema; changing the meaning of one is.
 */

import type { Counts } from './counts.ts'
import type { FaultFacts } from './fault-facts.ts'

export const TRACE_SCHEMA = 1

export interface Stamp {
  /** 0 for `run-started`, and exactly one more with each event. */
  readonly seq: number
  /** Milliseconds since the run's `startedAtMs`, on a clock that never steps. */
  readonly atMs: number
}

export type TraceEvent = Stamp & EventBody

export type EventBody =
  | RunStarted
  | ClusterReady
  | NodeStarting
  | NodeUp
  | NodePaused
  | NodeResumed
  | NodeDraining
  | NodeDown
  | ProcessUp
  | ProcessDown
  | UpstreamEjected
  | UpstreamReadmitted
  | UpstreamDraining
  | ProcessNoted
  | FaultInjected
  | FaultConfirmed
  | FaultHealed
  | FaultFailed
  | SessionsHeld
  | UsersPaced
  | UsersSecond
  | OperationSent
  | OperationEnded
  | RunEnded

export interface StrategyFacts {
  readonly name: string
  readonly routing: string
  /** Where sessions are, in a sentence that ends in what this loses. */
  readonly summary: string
  /** What the death of a node means for its users. */
  readonly onNodeDeath: string
}

export interface RunStarted {
  readonly type: 'run-started'
  readonly schema: number
  readonly run: string
  /** The wall clock at `atMs` 0. Only for showing times to people. */
  readonly startedAtMs: number
  readonly seed: number
  readonly strategy: StrategyFacts
  /** The store's URL without its password. */
  readonly store: string
  readonly balancerUrl: string
  readonly nodes: readonly { readonly name: string; readonly url: string }[]
  /** Absent when a node that died is left alone. */
  readonly restartAfterMs?: number
  readonly users: number
  readonly rate: number
  /** When an unused session ends, and when any does; absent where nobody knows. */
  readonly idleTimeoutMs?: number
  readonly absoluteTimeoutMs?: number
}

export interface ClusterReady {
  readonly type: 'cluster-ready'
  readonly inMs: number
}

export interface NodeStarting {
  readonly type: 'node-starting'
  readonly node: string
  readonly pid: number
  readonly url: string
}

export interface NodeUp {
  readonly type: 'node-up'
  readonly node: string
  readonly pid: number
  /** From its death until now; absent at its first start. */
  readonly downForMs?: number
}

export interface NodePaused {
  readonly type: 'node-paused'
  readonly node: string
}

export interface NodeResumed {
  readonly type: 'node-resumed'
  readonly node: string
}

export interface NodeDraining {
  readonly type: 'node-draining'
  readonly node: string
}

export interface NodeDown {
  readonly type: 'node-down'
  readonly node: string
  readonly pid: number
  readonly code: number | null
  readonly signal: string | null
  /** How many sessions were last seen in its own memory. They died with it. */
  readonly held: number
}

/** The processes beside the nodes. */
export type ProcessName = 'balancer' | 'redis' | 'replica' | 'edges' | 'users'

export interface ProcessUp {
  readonly type: 'process-up'
  readonly process: ProcessName
  readonly pid: number
  readonly url?: string
}

export interface ProcessDown {
  readonly type: 'process-down'
  readonly process: ProcessName
  readonly pid: number
  readonly code: number | null
  readonly signal: string | null
}

export interface UpstreamEjected {
  readonly type: 'upstream-ejected'
  readonly upstream: string
  readonly reason: string
}

export interface UpstreamReadmitted {
  readonly type: 'upstream-readmitted'
  readonly upstream: string
  readonly downForMs?: number
}

export interface UpstreamDraining {
  readonly type: 'upstream-draining'
  readonly upstream: string
}

/** A decision that a process logged and that has no type of its own here. */
export interface ProcessNoted {
  readonly type: 'process-noted'
  /** The label of the process, such as `node-a`. */
  readonly process: string
  readonly event: string
  /** The process found it worth a warning. */
  readonly warns: boolean
  readonly detail: Readonly<Record<string, unknown>>
}

export interface FaultInjected extends FaultFacts {
  readonly type: 'fault-injected'
  readonly fault: string
  readonly kind: string
  /** A node, the store or an edge such as `balancer>a`; several of them with commas between. */
  readonly target: string
}

/** It was seen to have landed. Only from here on may anything be blamed on it. */
export interface FaultConfirmed {
  readonly type: 'fault-confirmed'
  readonly fault: string
}

export interface FaultHealed {
  readonly type: 'fault-healed'
  readonly fault: string
}

/** It was injected and never seen to land; or it was, could not be healed, and is still there. */
export interface FaultFailed {
  readonly type: 'fault-failed'
  readonly fault: string
  readonly reason: string
}

/** Sessions in each node's own memory, by node; written when a figure changed. */
export interface SessionsHeld {
  readonly type: 'sessions-held'
  readonly held: Counts
}

/** From here on the users send so many operations a second. */
export interface UsersPaced {
  readonly type: 'users-paced'
  readonly rate: number
  readonly reason: string
}

/**
 * One second of the virtual users. Every operation that ended in it is counted exactly once: in `ok`, in `failed`
 * (provably not applied) or in `unknown` (it may have been).
 */
export interface UsersSecond {
  readonly type: 'users-second'
  readonly sent: number
  readonly ok: number
  readonly failed: Counts
  readonly unknown: Counts
  /** Times that a user who was logged in got a 401. */
  readonly loggedOut: number
  /** Items that the shop had acknowledged and that were missing from the cart when its owner looked. */
  readonly lost: number
  readonly users: { readonly all: number; readonly loggedIn: number; readonly intact: number }
  /** Answers by the node that gave them. */
  readonly byNode: Counts
  /** From the instant at which an operation was due until it ended. 0 when none did. */
  readonly latencyMs: { readonly p50: number; readonly p99: number }
  /** How late the generator itself was, at p99: above some 10 ms the latencies tell more about it than about the shop. */
  readonly lateMs: number
}

/**
 * What a virtual user does. `login` begins a visit and `logout` ends it; `put` adds a sku that is never put again, `read`
 * asks for the cart, `count` counts by one. `return` comes with the cookie of a visit that is over, or with the one from
 * before its login; `forge` with one that was made up; both only ask. `copy` reads the cart from one node, past the balancer.
 */
export type OperationKind = 'login' | 'put' | 'read' | 'count' | 'logout' | 'return' | 'forge' | 'copy'

/**
 * An operation begins. Times are on the clock of `atMs`, taken where the operation was sent: later than that by what the
 * report took to arrive. Those of one process of users come in the order in which they happened.
 */
export interface OperationSent {
  readonly type: 'operation-sent'
  /** Never given twice in a run. */
  readonly op: number
  readonly user: string
  /** Counts the user's visits, and so the sessions: of `return` and `copy`, the one whose cookie is sent. */
  readonly visit: number
  /** Within a tab one operation ends before the next is sent. */
  readonly tab: number
  readonly kind: OperationKind
  /** What `put` adds. */
  readonly sku?: string
  /** Whom `copy` asks. */
  readonly node?: string
  /** The cookie that it was sent with, hashed; absent without one. */
  readonly session?: string
  readonly dueAtMs: number
  readonly sentAtMs: number
  /** How much later the generator sent it than it could have. */
  readonly lateMs: number
}

/** What became of it. An operation of which this was never written is one whose outcome is unknown. */
export interface OperationEnded {
  readonly type: 'operation-ended'
  readonly op: number
  readonly endedAtMs: number
  /** `failed` means provably not applied. A `return` or `forge` that was turned away is `ok`: it was answered. */
  readonly outcome: 'ok' | 'failed' | 'unknown'
  /** Why it is not ok: `logged-out`, or what the answer or the connection said. */
  readonly why?: string
  /** The node that answered. */
  readonly node?: string
  /** The cookie held after it, hashed. */
  readonly session?: string
  /** Whom the shop took the asker for; absent for nobody. */
  readonly as?: string
  /** The cart in the answer: each sku and its quantity. */
  readonly items?: readonly (readonly [sku: string, quantity: number])[]
  readonly count?: number
}

/** Of these there are hundreds a second: they are in the trace's file, and no live view has a use for each. */
export function isOperation(event: EventBody): event is OperationSent | OperationEnded {
  return event.type === 'operation-sent' || event.type === 'operation-ended'
}

/** Why an operation failed when the shop did not know the session that it came with. */
export const LOGGED_OUT = 'logged-out'

/** The lab stops. What follows is only the end of its processes. */
export interface RunEnded {
  readonly type: 'run-ended'
  readonly reason: string
  /** Why it did less than it was to do. */
  readonly cutShort?: string
}
