/**
 * The trace of a run: every fact about the cluster, in the order in which the lab learned it. It has one writer, is append-only,
 * and has one JSON object a line. The first line is always `run-started`, which names the schema. The live page, the control API,
 * the terminal and the tests all derive their output from these events, so they agree.
 *
 * A reader must ignore types that it does not know: a new type is no new schema, a changed meaning is.
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
  | ProbeResult
  | RequestsResent
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
  | VisitorServed
  | RunEnded

export interface StrategyFacts {
  readonly name: string
  readonly routing: string
  /** Where sessions are kept, and what that loses. */
  readonly summary: string
  /** The consequence of a node's death for users. */
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
  /** Absent if a node that died is not restarted. */
  readonly restartAfterMs?: number
  readonly users: number
  /** Of each user; absent if one. */
  readonly tabs?: number
  readonly rate: number
  /** The idle timeout and the absolute timeout; absent if unknown. */
  readonly idleTimeoutMs?: number
  readonly absoluteTimeoutMs?: number
  /** The idle timeout of a session without a login; absent if unknown. */
  readonly visitorIdleTimeoutMs?: number
  /** The interleavings without which the run is not valid, by name. */
  readonly requires?: readonly string[]
  /** How many nodes can serve every session, with the store; and how soon after everything is back nothing may fail. */
  readonly service?: { readonly needs: 'majority' | 'one'; readonly fullWithinMs?: number }
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
  /** Which of two versions of the program it is, in a run that has two. */
  readonly version?: ProgramVersion
}

/** `this` is the version of the program that runs the lab. */
export type ProgramVersion = 'this' | 'other'

export interface NodeUp {
  readonly type: 'node-up'
  readonly node: string
  readonly pid: number
  /** Since its death; absent at its first start. */
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
  /** The last known number of sessions in its memory, which died with it. */
  readonly held: number
}

/** The processes other than nodes. */
export type ProcessName = 'balancer' | ServerName | 'replica' | 'edges' | 'users'

/** The store servers that a lab can start. */
export type ServerName = 'redis' | 'postgres' | 'mariadb' | 'memcached'

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

/** The balancer's probe of an upstream ended otherwise than the one before. Those that follow end the same way. */
export interface ProbeResult {
  readonly type: 'probe-result'
  readonly upstream: string
  /** `unready`: it answered that it takes no traffic. */
  readonly result: 'ready' | 'unready' | 'refused' | 'failed'
  readonly reason?: string
  readonly tookMs: number
  /** How often it is probed while it is up. */
  readonly everyMs: number
}

/** Within a second the balancer sent on requests that this upstream did not answer. */
export interface RequestsResent {
  readonly type: 'requests-resent'
  readonly upstream: string
  /** The upstream may have carried them out. */
  readonly retries: number
  /** It has seen nothing of them. */
  readonly reroutes: number
}

/** A decision that a process logged, without a type of its own here. */
export interface ProcessNoted {
  readonly type: 'process-noted'
  /** The label of the process, such as `node-a`. */
  readonly process: string
  readonly event: string
  /** Whether the process logged it as a warning. */
  readonly warns: boolean
  /** The log's own words for it. */
  readonly line?: string
  readonly detail: Readonly<Record<string, unknown>>
}

export interface FaultInjected extends FaultFacts {
  readonly type: 'fault-injected'
  readonly fault: string
  readonly kind: string
  /** A node, the store or an edge such as `balancer>a`; several are separated by commas. */
  readonly target: string
}

/** It was observed to have landed. Only later events may be attributed to it. */
export interface FaultConfirmed {
  readonly type: 'fault-confirmed'
  readonly fault: string
}

export interface FaultHealed {
  readonly type: 'fault-healed'
  readonly fault: string
}

/** It never landed; or it landed, could not be healed, and is still there. */
export interface FaultFailed {
  readonly type: 'fault-failed'
  readonly fault: string
  readonly reason: string
}

/** The number of sessions in each node's memory; written when one changed. */
export interface SessionsHeld {
  readonly type: 'sessions-held'
  readonly held: Counts
}

/** The users' rate from here on, in operations a second. */
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
  /** How often a logged-in user got a 401. */
  readonly loggedOut: number
  /** Acknowledged items that were missing when their user looked. */
  readonly lost: number
  readonly users: { readonly all: number; readonly loggedIn: number; readonly intact: number }
  /** Answers by the node that gave them. */
  readonly byNode: Counts
  /** From an operation's due time to its end; 0 if none ended. */
  readonly latencyMs: { readonly p50: number; readonly p99: number }
  /** The generator's lateness at p99: above 10 ms the latencies measure the generator rather than the shop. */
  readonly lateMs: number
}

/**
 * The operations of virtual users. `login` begins a visit and `logout` ends it; `put` adds a sku that is never put again, `read`
 * gets the cart, `count` counts up by one. `return` reads with the cookie of a visit that is over, or with the one from before
 * the login; `forge` reads with a made-up cookie. `copy` reads the cart from one node, without the balancer.
 *
 * On the floor, over a WebSocket: `hello` asks for the user's marker, and opens the tab's socket if it has none; `move` moves it by one
 * field; `linger` waits after the logout until the server has closed the socket.
 */
export type OperationKind =
  | 'login'
  | 'put'
  | 'read'
  | 'count'
  | 'logout'
  | 'return'
  | 'forge'
  | 'copy'
  | 'hello'
  | 'move'
  | 'linger'

/**
 * An operation begins. Times are on the clock of `atMs`, taken by the sender, so `atMs` is later by the time that the report took.
 * Events of one process of users are in order.
 */
export interface OperationSent {
  readonly type: 'operation-sent'
  /** Unique in a run. */
  readonly op: number
  readonly user: string
  /** The number of the user's visit; for `return` and `copy` the visit whose cookie is sent. */
  readonly visit: number
  /** A tab sends its next operation only after the previous one has ended. */
  readonly tab: number
  readonly kind: OperationKind
  /** The item of a `put`. */
  readonly sku?: string
  /** The node that `copy` asks. */
  readonly node?: string
  /** A hash of the cookie that it was sent with; absent without one. */
  readonly session?: string
  readonly dueAtMs: number
  readonly sentAtMs: number
  /** The lateness: how much later than its due time, or than the tab's previous operation allowed, it was sent. */
  readonly lateMs: number
}

/** The outcome of an operation. Without this event the outcome is unknown. */
export interface OperationEnded {
  readonly type: 'operation-ended'
  readonly op: number
  readonly endedAtMs: number
  /** `failed` means provably not applied. A `return` or `forge` that got a 401 is `ok`. */
  readonly outcome: 'ok' | 'failed' | 'unknown'
  /** Why it is not ok: `logged-out`, or the error of the answer or of the connection. */
  readonly why?: string
  /** The node that answered. */
  readonly node?: string
  /** How often the balancer, or the client of a `move`, sent it to a node; absent if once, or if the answer did not tell. */
  readonly attempts?: number
  /** A hash of the cookie after it. */
  readonly session?: string
  /** The user that the shop answered; absent for a visitor. */
  readonly as?: string
  /** The cart in the answer: each sku and its quantity. */
  readonly items?: readonly (readonly [sku: string, quantity: number])[]
  /** The number that a `count` returned; of `hello` and `move`, all moves of the session. */
  readonly count?: number
  /**
   * Of a `linger`: no sign of the socket's end had arrived by then. It arrived between that and `endedAtMs`, which are far apart where the
   * process of the users was late.
   */
  readonly openAtMs?: number
  /** Where the user's marker is. */
  readonly at?: readonly [x: number, y: number]
}

/** A person's browser got an answer in the shop; written when the node or the login is another than before. */
export interface VisitorServed {
  readonly type: 'visitor-served'
  /** Made by the shop's page, the same in all tabs of a browser. */
  readonly visitor: string
  readonly node: string
  /** Absent if the visitor is not logged in. */
  readonly user?: string
  /** The visitor asked to be logged out. */
  readonly left: boolean
}

/** Hundreds a second: they are in the trace's file, but not in live views. */
export function isOperation(event: EventBody): event is OperationSent | OperationEnded {
  return event.type === 'operation-sent' || event.type === 'operation-ended'
}

/** The reason of an operation that failed because its session was not there. */
export const LOGGED_OUT = 'logged-out'

/** The reason of an operation over a socket that the user itself closed before the answer. */
export const LEFT = 'left'

/** The reason of a `linger` that was given up, long after the socket should have been closed. */
export const STILL_OPEN = 'still-open'

/** The lab stops. Only the ends of its processes follow. */
export interface RunEnded {
  readonly type: 'run-ended'
  readonly reason: string
  /** Why the run did less than was planned. */
  readonly cutShort?: string
}
