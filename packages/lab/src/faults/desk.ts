import { findNode, type NodeLife, type TraceEvent } from '@ninelives/history'
import type { ClusterNode } from '../cluster/node.ts'
import { ApiError, DeadlineError } from '../errors.ts'
import type { Trace } from '../trace/trace.ts'
import { until } from '../wait.ts'
import type { Fault, FaultDetail, FaultOrder } from './fault.ts'
import { faults } from './index.ts'

/** A fault as it was asked for and seen. */
export interface FaultRecord extends FaultDetail {
  readonly id: string
  readonly kind: string
  readonly target: string
  /** Null while a fault that waits for its moment has not landed. */
  readonly confirmedAt: string | null
  readonly healedAt?: string
}

interface Entry {
  readonly order: FaultOrder
  readonly fault: Fault
  readonly node: ClusterNode
  readonly pid: number
  confirmedAt: string | null
  healedAt?: string
  expiry?: NodeJS.Timeout
}

export interface FaultRequest extends Omit<FaultDetail, 'request'> {
  readonly kind: string
  /** A node's name, or `random`. */
  readonly target: string
  /** Healed by itself after so long. */
  readonly durationMs?: number
  /** As of FaultDetail, or one that the seed decides. */
  readonly request?: number | 'random'
}

export const RANDOM_TARGET = 'random'
/** A random request is one of so many that come next. */
const RANDOM_REQUESTS = 20

const CONFIRM_DEADLINE_MS = 3_000
const ENTRIES_MAX = 1_000
/** The process may be seen to be gone before its last words are read. */
const LAST_WORDS_WAIT_MS = 1_000

/** Injects faults, sees to it that they landed, and knows those that are not healed yet. */
export class FaultDesk {
  readonly #nodes: readonly ClusterNode[]
  readonly #trace: Trace
  readonly #random: () => number
  readonly #entries = new Map<string, Entry>()
  #lastId = 0

  constructor(nodes: readonly ClusterNode[], trace: Trace, random: () => number) {
    this.#nodes = nodes
    this.#trace = trace
    this.#random = random
    trace.listen((event) => this.#notice(event))
  }

  /**
   * Resolves once the fault is confirmed, or stands ready where it lands at a moment of its own. Rejects with ApiError when
   * it does not fit or did not land.
   */
  async inject(request: FaultRequest): Promise<FaultRecord> {
    const { kind, target, durationMs } = request
    const fault = faults.get(kind)
    if (fault === undefined) {
      throw new ApiError(422, 'UNKNOWN_KIND', `kind is "${kind}" and takes ${[...faults.keys()].join(', ')}`)
    }
    const node = this.#choose(fault, target)
    const { pid } = node
    if (pid === undefined) throw conflict(fault, node.name, 'down')
    const entry = this.#enter(fault, node, pid, this.#detail(request))
    try {
      await fault.inject(node, entry.order)
    } catch (error) {
      this.#giveUp(entry, (error as Error).message)
      throw error
    }
    if (fault.landsWith === undefined) await this.#confirm(entry)
    // Bounded by the check of the request.
    if (durationMs !== undefined) entry.expiry = setTimeout(() => void this.#expire(entry), durationMs)
    return toRecord(entry)
  }

  /** The fault as it is now. Throws ApiError when there is none with that id. */
  find(id: string): FaultRecord {
    return toRecord(this.#entry(id))
  }

  /** Resolves once the node is well; at once when the fault was healed before. */
  async heal(id: string): Promise<FaultRecord> {
    const entry = this.#entry(id)
    if (entry.healedAt === undefined) {
      await entry.fault.heal(entry.node, entry.order)
      this.#markHealed(entry)
    }
    return toRecord(entry)
  }

  close(): void {
    for (const { expiry } of this.#entries.values()) clearTimeout(expiry)
  }

  #choose(fault: Fault, target: string): ClusterNode {
    const named = this.#nodes.filter((node) => target === RANDOM_TARGET || node.name === target)
    if (named.length === 0) {
      const names = this.#nodes.map(({ name }) => name).join(', ')
      throw new ApiError(404, 'UNKNOWN_NODE', `there is no node "${target}"; there are ${names}, or ${RANDOM_TARGET}`)
    }
    const fitting = named.filter((node) => fault.needs.includes(this.#stateOf(node)))
    const node = fitting[Math.floor(this.#random() * fitting.length)]
    if (node !== undefined) return node
    if (target === RANDOM_TARGET) throw conflict(fault, 'every one', 'something else')
    throw conflict(fault, target, named[0] === undefined ? 'down' : this.#stateOf(named[0]))
  }

  #stateOf(node: ClusterNode): NodeLife {
    return findNode(this.#trace.state, node.name)?.state ?? 'down'
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id)
    if (entry === undefined) throw new ApiError(404, 'UNKNOWN_FAULT', `there is no fault "${id}"`)
    return entry
  }

  #detail({ point, request, operation }: FaultRequest): FaultDetail {
    const chosen = request === 'random' ? 1 + Math.floor(this.#random() * RANDOM_REQUESTS) : request
    return {
      ...(point === undefined ? {} : { point }),
      ...(chosen === undefined ? {} : { request: chosen }),
      ...(operation === undefined ? {} : { operation }),
    }
  }

  #enter(fault: Fault, node: ClusterNode, pid: number, detail: FaultDetail): Entry {
    const id = `f${++this.#lastId}`
    const entry: Entry = { order: { id, ...detail }, fault, node, pid, confirmedAt: null }
    this.#entries.set(id, entry)
    const oldest = this.#entries.keys().next()
    if (this.#entries.size > ENTRIES_MAX && !oldest.done) this.#entries.delete(oldest.value)
    this.#trace.append({ type: 'fault-injected', fault: id, kind: fault.kind, target: node.name, ...detail })
    return entry
  }

  async #confirm(entry: Entry): Promise<void> {
    const { fault, node, pid, order } = entry
    const what = `${fault.kind} of node ${node.name} to land`
    try {
      await until(() => fault.confirm(node, pid), { deadlineMs: CONFIRM_DEADLINE_MS, what })
    } catch (error) {
      // It may land yet, and nobody would know of it. Should mending fail too, the failure told below says enough.
      void fault.heal(node, order).catch(() => undefined)
      if (error instanceof DeadlineError) this.#giveUp(entry, error.message)
      if (!(error instanceof DeadlineError)) throw error
      throw new ApiError(504, 'FAULT_NOT_CONFIRMED', error.message)
    }
    entry.confirmedAt = new Date().toISOString()
    this.#trace.append({ type: 'fault-confirmed', fault: order.id })
  }

  /** It was injected and did not land, and won't. */
  #giveUp(entry: Entry, reason: string): void {
    const { order } = entry
    clearTimeout(entry.expiry)
    if (this.#entries.delete(order.id)) this.#trace.append({ type: 'fault-failed', fault: order.id, reason })
  }

  async #expire({ order }: Entry): Promise<void> {
    try {
      await this.heal(order.id)
    } catch (error) {
      this.#trace.append({ type: 'fault-failed', fault: order.id, reason: `not healed: ${(error as Error).message}` })
    }
  }

  #notice(event: TraceEvent): void {
    if (event.type === 'process-noted') this.#noticeLanding(event)
    if (!('node' in event)) return
    for (const entry of this.#entries.values()) {
      const { fault, node, confirmedAt, pid } = entry
      if (node.name !== event.node) continue
      // What happens before a fault has landed is not its end.
      if (confirmedAt !== null && fault.endsWith.includes(event.type)) this.#markHealed(entry)
      if (event.type === 'node-down' && event.pid === pid) this.#noticeDeath(entry)
    }
  }

  #noticeLanding({ process, event, detail }: Extract<TraceEvent, { type: 'process-noted' }>): void {
    const entry = this.#entries.get(String(detail['fault']))
    if (entry === undefined || entry.fault.landsWith !== event || process !== `node-${entry.node.name}`) return
    // A failure to confirm is in the trace by then, and nobody waits for it.
    void this.#confirm(entry).catch(() => undefined)
  }

  /** A fault that waits for its moment in a process can't land any more once that is gone, unless it just did. */
  #noticeDeath(entry: Entry): void {
    if (entry.fault.landsWith === undefined) return
    setTimeout(() => {
      if (entry.confirmedAt === null && entry.healedAt === undefined) {
        this.#giveUp(entry, `node ${entry.node.name} ended before it came to that point`)
      }
    }, LAST_WORDS_WAIT_MS).unref()
  }

  #markHealed(entry: Entry): void {
    if (entry.healedAt !== undefined) return
    clearTimeout(entry.expiry)
    entry.healedAt = new Date().toISOString()
    this.#trace.append({ type: 'fault-healed', fault: entry.order.id })
  }
}

function toRecord({ order, fault, node, confirmedAt, healedAt }: Entry): FaultRecord {
  const { id, ...detail } = order
  const healed = healedAt === undefined ? {} : { healedAt }
  return { id, kind: fault.kind, target: node.name, ...detail, confirmedAt, ...healed }
}

function conflict(fault: Fault, name: string, state: string): ApiError {
  const needs = fault.needs.join(' or ')
  return new ApiError(409, 'NODE_STATE', `${fault.kind} needs a node that is ${needs}; ${name} is ${state}`)
}
