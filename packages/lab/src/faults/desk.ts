import type { TraceEvent } from '@ninelives/history'
import { ApiError, DeadlineError } from '../errors.ts'
import type { Trace } from '../trace/trace.ts'
import { until } from '../wait.ts'
import type { Fault, FaultDetail, FaultOrder, Subject } from './fault.ts'
import { RANDOM_REQUEST } from './fields.ts'
import { findFault } from './index.ts'
import { type Breakable, Targets } from './targets.ts'

/** A fault as it was asked for and seen. */
export interface FaultRecord extends FaultDetail {
  readonly id: string
  readonly kind: string
  /** What it fell on; several with commas between. */
  readonly target: string
  /** Null while a fault that waits for its moment has not landed. */
  readonly confirmedAt: string | null
  readonly healedAt?: string
}

/** One of those that a fault falls on, with the process that it had then. */
interface Part {
  readonly subject: Subject
  readonly pid: number
  isOver: boolean
}

interface Entry {
  readonly order: FaultOrder
  readonly fault: Fault
  readonly target: string
  readonly parts: readonly Part[]
  confirmedAt: string | null
  healedAt?: string
  expiry?: NodeJS.Timeout
}

export interface FaultRequest extends Omit<FaultDetail, 'request'> {
  readonly kind: string
  /** As Targets has it. */
  readonly target: string
  /** As of FaultDetail, or one that the seed decides. */
  readonly request?: number | typeof RANDOM_REQUEST
}

/** A random request is one of so many that come next. */
const RANDOM_REQUESTS = 20

const CONFIRM_DEADLINE_MS = 3_000
const ENTRIES_MAX = 1_000
/** The process may be seen to be gone before its last words are read. */
const LAST_WORDS_WAIT_MS = 1_000

/** Injects faults, sees to it that they landed, and knows those that are not healed yet. */
export class FaultDesk {
  readonly #targets: Targets
  readonly #trace: Trace
  readonly #random: () => number
  readonly #entries = new Map<string, Entry>()
  #lastId = 0

  constructor(breakable: Breakable, trace: Trace, random: () => number) {
    this.#targets = new Targets(breakable, trace, random)
    this.#trace = trace
    this.#random = random
    trace.listen((event) => this.#notice(event))
  }

  /**
   * Resolves once the fault is confirmed, or stands ready where it lands at a moment of its own. Rejects with ApiError when
   * it does not fit or did not land.
   */
  inject(request: FaultRequest): Promise<FaultRecord> {
    return this.#inject(request, () => undefined)
  }

  /** As `inject`, for a series of faults: one that did not fit is in the trace as well, for it was to be there. */
  injectPlanned(request: FaultRequest): Promise<FaultRecord> {
    return this.#inject(request, (reason) => this.#refuse(request, reason))
  }

  async #inject(request: FaultRequest, refused: (reason: string) => void): Promise<FaultRecord> {
    const { durationMs } = request
    const fault = findFault(request.kind)
    const parts = this.#choose(fault, request, refused)
    const entry = this.#enter(fault, parts, this.#detail(request))
    try {
      await Promise.all(parts.map(async ({ subject }) => fault.inject(subject, entry.order)))
    } catch (error) {
      this.#mend(entry)
      this.#giveUp(entry, (error as Error).message)
      throw error
    }
    if (fault.landsWith === undefined) await this.#confirm(entry)
    if (durationMs !== undefined && entry.healedAt === undefined) {
      // Bounded by the check of the request.
      entry.expiry = setTimeout(() => void this.#expire(entry), durationMs)
    }
    return toRecord(entry)
  }

  /** The fault as it is now. Throws ApiError when there is none with that id. */
  find(id: string): FaultRecord {
    return toRecord(this.#entry(id))
  }

  /** Resolves once everything that it fell on is well; at once when the fault was healed before. */
  async heal(id: string): Promise<FaultRecord> {
    const entry = this.#entry(id)
    if (entry.healedAt === undefined) {
      const { fault, order, parts } = entry
      await Promise.all(parts.filter(({ isOver }) => !isOver).map(({ subject }) => fault.heal(subject, order)))
      this.#markHealed(entry)
    }
    return toRecord(entry)
  }

  close(): void {
    for (const { expiry } of this.#entries.values()) clearTimeout(expiry)
  }

  #choose(fault: Fault, { target }: FaultRequest, refused: (reason: string) => void): readonly Part[] {
    try {
      return this.#targets.choose(fault, target).map((subject) => toPart(fault, subject))
    } catch (error) {
      refused((error as Error).message)
      throw error
    }
  }

  #refuse(request: FaultRequest, reason: string): void {
    const { kind, target } = request
    const id = this.#nextId()
    this.#trace.append({ type: 'fault-injected', fault: id, kind, target, ...this.#detail(request) })
    this.#trace.append({ type: 'fault-failed', fault: id, reason })
  }

  #nextId(): string {
    return `f${++this.#lastId}`
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id)
    if (entry === undefined) throw new ApiError(404, 'UNKNOWN_FAULT', `there is no fault "${id}"`)
    return entry
  }

  #detail({ kind: _kind, target: _target, request, ...detail }: FaultRequest): FaultDetail {
    const chosen = request === RANDOM_REQUEST ? 1 + Math.floor(this.#random() * RANDOM_REQUESTS) : request
    return { ...detail, ...(chosen === undefined ? {} : { request: chosen }) }
  }

  #enter(fault: Fault, parts: readonly Part[], detail: FaultDetail): Entry {
    const id = this.#nextId()
    const target = parts.map(({ subject }) => subject.name).join(',')
    const entry: Entry = { order: { id, ...detail }, fault, target, parts, confirmedAt: null }
    this.#entries.set(id, entry)
    const oldest = this.#entries.keys().next()
    if (this.#entries.size > ENTRIES_MAX && !oldest.done) this.#entries.delete(oldest.value)
    this.#trace.append({ type: 'fault-injected', fault: id, kind: fault.kind, target, ...detail })
    return entry
  }

  async #confirm(entry: Entry): Promise<void> {
    const { fault, parts, order, target } = entry
    const wait = { deadlineMs: fault.landsWithinMs ?? CONFIRM_DEADLINE_MS, what: `${fault.kind} of ${target} to land` }
    try {
      await Promise.all(parts.map(({ subject, pid }) => until(() => fault.confirm(subject, pid, order), wait)))
    } catch (error) {
      this.#mend(entry)
      if (!(error instanceof DeadlineError)) throw error
      this.#giveUp(entry, error.message)
      throw new ApiError(504, 'FAULT_NOT_CONFIRMED', error.message)
    }
    entry.confirmedAt = new Date().toISOString()
    this.#trace.append({ type: 'fault-confirmed', fault: order.id })
    if (fault.isMomentary) await this.heal(order.id)
  }

  /** It may land yet, and nobody would know of it. Should mending fail too, the failure that is told says enough. */
  #mend({ fault, parts, order }: Entry): void {
    for (const { subject } of parts) void fault.heal(subject, order).catch(() => undefined)
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
    if (!('node' in event) && event.type !== 'process-up' && event.type !== 'process-down') return
    for (const entry of this.#entries.values()) {
      for (const part of entry.parts) if (isOf(event, part)) this.#noticeOf(event, entry, part)
    }
  }

  #noticeOf(event: TraceEvent, entry: Entry, part: Part): void {
    const { fault, parts, confirmedAt } = entry
    // What happens before a fault has landed is not its end.
    if (confirmedAt !== null && fault.endsWith.includes(event.type)) {
      part.isOver = true
      if (parts.every(({ isOver }) => isOver)) this.#markHealed(entry)
    }
    if (event.type === 'node-down' && event.pid === part.pid) this.#noticeDeath(entry)
  }

  #noticeLanding({ process, event, detail }: Extract<TraceEvent, { type: 'process-noted' }>): void {
    const entry = this.#entries.get(String(detail['fault']))
    if (entry === undefined || entry.fault.landsWith !== event || process !== `node-${entry.target}`) return
    // A failure to confirm is in the trace by then, and nobody waits for it.
    void this.#confirm(entry).catch(() => undefined)
  }

  /** A fault that waits for its moment in a process can't land any more once that is gone, unless it just did. */
  #noticeDeath(entry: Entry): void {
    if (entry.fault.landsWith === undefined) return
    setTimeout(() => {
      if (entry.confirmedAt === null && entry.healedAt === undefined) {
        this.#giveUp(entry, `node ${entry.target} ended before it came to that point`)
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

function toPart(fault: Fault, subject: Subject): Part {
  const { pid, name } = subject
  if (pid === undefined) throw new ApiError(409, 'NODE_STATE', `${fault.kind} needs a process; ${name} is down`)
  return { subject, pid, isOver: false }
}

/** A process beside the nodes is known by its pid, which a new one does not have yet. */
function isOf(event: TraceEvent, { subject, pid }: Part): boolean {
  if (event.type === 'process-down') return event.pid === pid
  if (event.type === 'process-up') return event.pid === subject.pid
  return 'node' in event && event.node === subject.name
}

function toRecord({ order, fault, target, confirmedAt, healedAt }: Entry): FaultRecord {
  const { id, ...detail } = order
  const healed = healedAt === undefined ? {} : { healedAt }
  return { id, kind: fault.kind, target, ...detail, confirmedAt, ...healed }
}
