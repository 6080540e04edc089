import type { TraceEvent } from '@ninelives/history'
import { ApiError, DeadlineError } from '../errors.ts'
import type { Trace } from '../trace/trace.ts'
import { until } from '../wait.ts'
import { type Entry, type FaultRecord, isOf, type Part, toPart, toRecord } from './entry.ts'
import type { Fault, FaultDetail } from './fault.ts'
import { RANDOM_REQUEST } from './fields.ts'
import { findFault } from './index.ts'
import { type Breakable, Targets } from './targets.ts'

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
    const entry = this.#entry(id)
    if (entry.isGivenUp) throw unknown(id)
    return toRecord(entry)
  }

  /** Whether it landed; undefined while that may still come. One that was given up, or healed before, did not. */
  landed(id: string): boolean | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.isGivenUp) return false
    if (entry.confirmedAt !== null) return true
    return entry.healedAt === undefined ? undefined : false
  }

  /** Those that could not be healed when that was tried last, each with the reason; undefined while one is being healed. */
  unhealed(): readonly { readonly id: string; readonly what: string; readonly reason: string }[] | undefined {
    const entries = [...this.#entries.values()]
    if (entries.some(({ healings }) => healings > 0)) return undefined
    return entries.flatMap(({ order: { id }, fault: { kind }, target, unhealed }) =>
      unhealed === undefined ? [] : [{ id, what: `${kind} of ${target}`, reason: unhealed }],
    )
  }

  /** Resolves once everything that it fell on is well; at once when the fault was healed before. */
  async heal(id: string): Promise<FaultRecord> {
    const entry = this.#entry(id)
    if (entry.healedAt !== undefined) return toRecord(entry)
    await this.#mend(entry, entry.parts)
    if (entry.isGivenUp) this.#entries.delete(id)
    else this.#markHealed(entry)
    return toRecord(entry)
  }

  close(): void {
    for (const { expiry } of this.#entries.values()) clearTimeout(expiry)
  }

  #choose(fault: Fault, { target }: FaultRequest, refused: (reason: string) => void): readonly Part[] {
    try {
      this.#makeRoom()
      return this.#targets.choose(fault, target).map((subject) => toPart(fault, subject))
    } catch (error) {
      refused((error as Error).message)
      throw error
    }
  }

  /** What is over is forgotten first, and what still stands never. */
  #makeRoom(): void {
    if (this.#entries.size < ENTRIES_MAX) return
    const oldest = [...this.#entries.values()].find(({ healedAt }) => healedAt !== undefined)
    if (oldest === undefined) throw new ApiError(409, 'TOO_MANY_FAULTS', `${ENTRIES_MAX} faults are not healed yet`)
    this.#entries.delete(oldest.order.id)
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
    if (entry === undefined) throw unknown(id)
    return entry
  }

  #detail({ kind: _kind, target: _target, request, ...detail }: FaultRequest): FaultDetail {
    const chosen = request === RANDOM_REQUEST ? 1 + Math.floor(this.#random() * RANDOM_REQUESTS) : request
    return { ...detail, ...(chosen === undefined ? {} : { request: chosen }) }
  }

  #enter(fault: Fault, parts: readonly Part[], detail: FaultDetail): Entry {
    const id = this.#nextId()
    const target = parts.map(({ subject }) => subject.name).join(',')
    const state = { confirmedAt: null, isGivenUp: false, healings: 0 }
    const entry: Entry = { order: { id, ...detail }, fault, target, parts, ...state }
    this.#entries.set(id, entry)
    this.#trace.append({ type: 'fault-injected', fault: id, kind: fault.kind, target, ...detail })
    return entry
  }

  async #confirm(entry: Entry): Promise<void> {
    const { fault, parts, order, target } = entry
    const wait = { deadlineMs: fault.landsWithinMs ?? CONFIRM_DEADLINE_MS, what: `${fault.kind} of ${target} to land` }
    try {
      await Promise.all(parts.map(({ subject, pid }) => until(() => fault.confirm(subject, pid, order), wait)))
    } catch (error) {
      this.#giveUp(entry, (error as Error).message)
      if (!(error instanceof DeadlineError)) throw error
      throw new ApiError(504, 'FAULT_NOT_CONFIRMED', error.message)
    }
    entry.confirmedAt = new Date().toISOString()
    this.#trace.append({ type: 'fault-confirmed', fault: order.id })
    this.#markHealedOnceOver(entry)
    if (fault.isMomentary) await this.heal(order.id)
  }

  async #mend(entry: Entry, parts: readonly Part[]): Promise<void> {
    const { fault, order } = entry
    entry.healings++
    try {
      await Promise.all(parts.filter(({ isOver }) => !isOver).map(({ subject }) => fault.heal(subject, order)))
      delete entry.unhealed
    } catch (error) {
      entry.unhealed = (error as Error).message
      if (entry.confirmedAt !== null) this.#fail(entry, `not healed: ${entry.unhealed}`)
      throw error
    } finally {
      entry.healings--
    }
  }

  /** It was injected and did not land, and won't: where it still could, it is taken back, or nobody would know of it. */
  #giveUp(entry: Entry, reason: string, parts = entry.parts): void {
    if (entry.isGivenUp) return
    entry.isGivenUp = true
    clearTimeout(entry.expiry)
    this.#fail(entry, reason)
    // Should that fail, it is kept, with the reason, among the unhealed.
    void this.#mend(entry, parts).then(
      () => this.#entries.delete(entry.order.id),
      () => undefined,
    )
  }

  #fail({ order }: Entry, reason: string): void {
    this.#trace.append({ type: 'fault-failed', fault: order.id, reason })
  }

  async #expire(entry: Entry): Promise<void> {
    try {
      await this.heal(entry.order.id)
    } catch (error) {
      // Of one that landed it is told already.
      if (entry.confirmedAt === null) this.#fail(entry, `not healed: ${(error as Error).message}`)
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
    // What happens before a fault has landed there is not its end.
    if ((entry.confirmedAt !== null || part.hasTold) && entry.fault.endsWith.includes(event.type)) {
      part.isOver = true
      this.#markHealedOnceOver(entry)
    }
    if (event.type === 'node-down' && event.pid === part.pid) this.#noticeDeath(entry, part)
  }

  #noticeLanding({ process, event, detail }: Extract<TraceEvent, { type: 'process-noted' }>): void {
    const entry = this.#entries.get(String(detail['fault']))
    const part = entry?.parts.find(({ subject }) => process === `node-${subject.name}`)
    if (entry === undefined || part === undefined || entry.fault.landsWith !== event) return
    part.hasTold = true
    // A failure to confirm is in the trace by then, and nobody waits for it.
    if (!entry.isGivenUp && entry.parts.every(({ hasTold }) => hasTold))
      void this.#confirm(entry).catch(() => undefined)
  }

  /** A fault that waits for its moment in a process can't land any more once that is gone, unless it just did. */
  #noticeDeath(entry: Entry, part: Part): void {
    if (entry.fault.landsWith === undefined) return
    setTimeout(() => {
      if (part.hasTold || entry.confirmedAt !== null || entry.healedAt !== undefined) return
      // Those that are gone took it with them.
      const armed = entry.parts.filter(({ subject, pid }) => subject.pid === pid)
      this.#giveUp(entry, `node ${part.subject.name} ended before it came to that point`, armed)
    }, LAST_WORDS_WAIT_MS).unref()
  }

  #markHealedOnceOver(entry: Entry): void {
    if (entry.confirmedAt !== null && entry.parts.every(({ isOver }) => isOver)) this.#markHealed(entry)
  }

  #markHealed(entry: Entry): void {
    if (entry.healedAt !== undefined) return
    clearTimeout(entry.expiry)
    delete entry.unhealed
    entry.healedAt = new Date().toISOString()
    this.#trace.append({ type: 'fault-healed', fault: entry.order.id })
  }
}

function unknown(id: string): ApiError {
  return new ApiError(404, 'UNKNOWN_FAULT', `there is no fault "${id}"`)
}
