import { findNode, type NodeLife, type TraceEvent } from '@ninelives/history'
import type { ClusterNode } from '../cluster/node.ts'
import { ApiError, DeadlineError } from '../errors.ts'
import type { Trace } from '../trace/trace.ts'
import { until } from '../wait.ts'
import type { Fault } from './fault.ts'
import { faults } from './index.ts'

/** A fault as it was asked for and seen. */
export interface FaultRecord {
  readonly id: string
  readonly kind: string
  readonly target: string
  readonly confirmedAt: string
  readonly healedAt?: string
}

interface Entry {
  readonly id: string
  readonly fault: Fault
  readonly node: ClusterNode
  confirmedAt: string
  healedAt?: string
  expiry?: NodeJS.Timeout
}

export interface FaultRequest {
  readonly kind: string
  /** A node's name, or `random`. */
  readonly target: string
  /** Healed by itself after so long. */
  readonly durationMs?: number
}

export const RANDOM_TARGET = 'random'

const CONFIRM_DEADLINE_MS = 3_000
const ENTRIES_MAX = 1_000

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
    trace.listen((event) => this.#noticeEnd(event))
  }

  /** Resolves once the fault is confirmed. Rejects with ApiError when it does not fit or did not land. */
  async inject({ kind, target, durationMs }: FaultRequest): Promise<FaultRecord> {
    const fault = faults.get(kind)
    if (fault === undefined) {
      throw new ApiError(422, 'UNKNOWN_KIND', `kind is "${kind}" and takes ${[...faults.keys()].join(', ')}`)
    }
    const node = this.#choose(fault, target)
    const { pid } = node
    if (pid === undefined) throw conflict(fault, node.name, 'down')
    const entry = this.#enter(fault, node)
    fault.inject(node)
    await this.#confirm(entry, pid)
    // Bounded by the check of the request.
    if (durationMs !== undefined) entry.expiry = setTimeout(() => void this.#expire(entry), durationMs)
    return toRecord(entry)
  }

  /** Resolves once the node is well; at once when the fault was healed before. */
  async heal(id: string): Promise<FaultRecord> {
    const entry = this.#entries.get(id)
    if (entry === undefined) throw new ApiError(404, 'UNKNOWN_FAULT', `there is no fault "${id}"`)
    if (entry.healedAt === undefined) {
      await entry.fault.heal(entry.node)
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

  #enter(fault: Fault, node: ClusterNode): Entry {
    const id = `f${++this.#lastId}`
    const entry: Entry = { id, fault, node, confirmedAt: '' }
    this.#entries.set(id, entry)
    const oldest = this.#entries.keys().next()
    if (this.#entries.size > ENTRIES_MAX && !oldest.done) this.#entries.delete(oldest.value)
    this.#trace.append({ type: 'fault-injected', fault: id, kind: fault.kind, target: node.name })
    return entry
  }

  async #confirm(entry: Entry, pid: number): Promise<void> {
    const { id, fault, node } = entry
    const what = `${fault.kind} of node ${node.name} to land`
    try {
      await until(() => fault.confirm(node, pid), { deadlineMs: CONFIRM_DEADLINE_MS, what })
    } catch (error) {
      this.#entries.delete(id)
      // It may land yet, and nobody would know of it. Should mending fail too, the failure told below says enough.
      void fault.heal(node).catch(() => undefined)
      if (!(error instanceof DeadlineError)) throw error
      this.#trace.append({ type: 'fault-failed', fault: id, reason: error.message })
      throw new ApiError(504, 'FAULT_NOT_CONFIRMED', error.message)
    }
    entry.confirmedAt = new Date().toISOString()
    this.#trace.append({ type: 'fault-confirmed', fault: id })
  }

  async #expire(entry: Entry): Promise<void> {
    try {
      await this.heal(entry.id)
    } catch (error) {
      this.#trace.append({ type: 'fault-failed', fault: entry.id, reason: `not healed: ${(error as Error).message}` })
    }
  }

  #noticeEnd(event: TraceEvent): void {
    if (!('node' in event)) return
    for (const entry of this.#entries.values()) {
      const { fault, node, confirmedAt } = entry
      // What happens before a fault has landed is not its end.
      if (confirmedAt !== '' && node.name === event.node && fault.endsWith.includes(event.type)) this.#markHealed(entry)
    }
  }

  #markHealed(entry: Entry): void {
    if (entry.healedAt !== undefined) return
    clearTimeout(entry.expiry)
    entry.healedAt = new Date().toISOString()
    this.#trace.append({ type: 'fault-healed', fault: entry.id })
  }
}

function toRecord({ id, fault, node, confirmedAt, healedAt }: Entry): FaultRecord {
  return { id, kind: fault.kind, target: node.name, confirmedAt, ...(healedAt === undefined ? {} : { healedAt }) }
}

function conflict(fault: Fault, name: string, state: string): ApiError {
  const needs = fault.needs.join(' or ')
  return new ApiError(409, 'NODE_STATE', `${fault.kind} needs a node that is ${needs}; ${name} is ${state}`)
}
