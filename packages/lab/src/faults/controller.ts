import type { TraceEvent } from '@ninelives/history'
import { ApiError, DeadlineError } from '../errors.ts'
import type { Trace } from '../trace/trace.ts'
import { succeeds, until } from '../wait.ts'
import type { Fault } from './contract/fault.ts'
import type { FaultDetail } from './contract/fault-detail.ts'
import { type FaultRecord, type Injection, isOf, landed, type Part, toPart, toRecord } from './injection.ts'
import { findFault } from './kinds/index.ts'
import { RANDOM_REQUEST, randomRequest } from './contract/fields.ts'
import { type Breakable, Targets } from './targets.ts'

export interface FaultRequest extends Omit<FaultDetail, 'request'> {
  readonly kind: string
  /** The forms are in target.ts. */
  readonly target: string
  /** As in FaultDetail, or RANDOM. */
  readonly request?: number | typeof RANDOM_REQUEST
}

const CONFIRM_DEADLINE_MS = 10_000
const INJECTIONS_MAX = 1_000
/** The process may be seen to be gone before its last log lines are read. */
const LAST_WORDS_WAIT_MS = 1_000

/** Injects faults, watches whether they landed, and heals them. Each step is written to the trace. */
export class FaultController {
  readonly #targets: Targets
  readonly #trace: Trace
  readonly #random: () => number
  readonly #injections = new Map<string, Injection>()
  #lastId = 0

  constructor(breakable: Breakable, trace: Trace, random: () => number) {
    this.#targets = new Targets(breakable, trace, random)
    this.#trace = trace
    this.#random = random
    trace.listen((event) => this.#notice(event))
  }

  /**
   * Resolves when the fault is confirmed, or when it is armed if it lands later by itself. Rejects with ApiError if it does not
   * fit the target or did not land.
   */
  inject(request: FaultRequest): Promise<FaultRecord> {
    return this.#inject(request, () => undefined)
  }

  /** Like `inject`, for a campaign: a planned fault that did not fit is written to the trace too. */
  injectPlanned(request: FaultRequest): Promise<FaultRecord> {
    return this.#inject(request, (reason) => this.#refuse(request, reason))
  }

  async #inject(request: FaultRequest, refused: (reason: string) => void): Promise<FaultRecord> {
    const { durationMs } = request
    const fault = findFault(request.kind)
    const parts = this.#choose(fault, request, refused)
    const injection = this.#arm(fault, parts, this.#detail(request))
    try {
      await Promise.all(parts.map(async ({ subject }) => fault.inject(subject, injection.order)))
    } catch (error) {
      this.#giveUp(injection, (error as Error).message)
      throw error
    }
    if (fault.landsWith === undefined) await this.#confirm(injection)
    if (durationMs !== undefined && injection.state.is !== 'healed') {
      // The request's validation has bounded it.
      injection.expiry = setTimeout(() => void this.#expire(injection), durationMs)
    }
    return toRecord(injection)
  }

  /** The fault's present state. Throws ApiError if there is none with that id. */
  find(id: string): FaultRecord {
    const injection = this.#injection(id)
    if (injection.state.is === 'given-up') throw unknown(id)
    return toRecord(injection)
  }

  /** Whether it landed; undefined while it may still land. */
  landed(id: string): boolean | undefined {
    const injection = this.#injections.get(id)
    return injection === undefined ? false : landed(injection)
  }

  /** Whether the fault landed within that time. Heals it if it did not. */
  async landedWithin(id: string, deadlineMs: number): Promise<boolean> {
    const isArmed = (): boolean => this.landed(id) === undefined
    await succeeds(until(() => !isArmed(), { deadlineMs, what: `fault ${id} to land` }))
    if (isArmed()) await this.heal(id)
    return this.landed(id) === true
  }

  /** The faults that could not be healed; undefined while a fault is being healed. */
  unhealed(): readonly { readonly id: string; readonly what: string; readonly reason: string }[] | undefined {
    const injections = [...this.#injections.values()]
    if (injections.some(({ healing }) => healing !== undefined)) return undefined
    return injections.flatMap(({ order: { id }, fault: { kind }, target, unhealed }) =>
      unhealed === undefined ? [] : [{ id, what: `${kind} of ${target}`, reason: unhealed }],
    )
  }

  /** Resolves when everything that it fell on has recovered; at once if the fault was healed before. */
  async heal(id: string): Promise<FaultRecord> {
    const injection = this.#injection(id)
    if (injection.state.is === 'healed') return toRecord(injection)
    await this.#undo(injection)
    if (injection.state.is === 'given-up') this.#injections.delete(id)
    else this.#healed(injection)
    return toRecord(injection)
  }

  close(): void {
    for (const { expiry } of this.#injections.values()) clearTimeout(expiry)
  }

  #choose(fault: Fault, { target }: FaultRequest, refused: (reason: string) => void): readonly Part[] {
    try {
      this.#makeRoom()
      return this.#targets.choose(fault, target, this.#armed()).map((subject) => toPart(fault, subject))
    } catch (error) {
      refused((error as Error).message)
      throw error
    }
  }

  /** The names of what has an armed fault. */
  #armed(): ReadonlySet<string> {
    const armed = [...this.#injections.values()].filter(({ state }) => state.is === 'armed')
    return new Set(armed.flatMap(({ parts }) => parts.map(({ subject }) => subject.name)))
  }

  /** Forgets the oldest fault that is healed. Faults that stand are never forgotten. */
  #makeRoom(): void {
    if (this.#injections.size < INJECTIONS_MAX) return
    const oldest = [...this.#injections.values()].find(({ state }) => state.is === 'healed')
    if (oldest === undefined) throw new ApiError(409, 'TOO_MANY_FAULTS', `${INJECTIONS_MAX} faults are not healed yet`)
    this.#injections.delete(oldest.order.id)
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

  #injection(id: string): Injection {
    const injection = this.#injections.get(id)
    if (injection === undefined) throw unknown(id)
    return injection
  }

  #detail({ kind: _kind, target: _target, request, ...detail }: FaultRequest): FaultDetail {
    const chosen = request === RANDOM_REQUEST ? randomRequest(this.#random) : request
    return { ...detail, ...(chosen === undefined ? {} : { request: chosen }) }
  }

  #arm(fault: Fault, parts: readonly Part[], detail: FaultDetail): Injection {
    const id = this.#nextId()
    const target = parts.map(({ subject }) => subject.name).join(',')
    const injection: Injection = { order: { id, ...detail }, fault, target, parts, state: { is: 'armed' } }
    this.#injections.set(id, injection)
    this.#trace.append({ type: 'fault-injected', fault: id, kind: fault.kind, target, ...detail })
    return injection
  }

  async #confirm(injection: Injection): Promise<void> {
    const { fault, parts, order, target } = injection
    const wait = { deadlineMs: fault.landsWithinMs ?? CONFIRM_DEADLINE_MS, what: `${fault.kind} of ${target} to land` }
    // It may be healed, or given up, meanwhile.
    const isArmed = (): boolean => injection.state.is === 'armed'
    try {
      await Promise.all(
        parts.map(({ subject, pid }) =>
          until(async () => (await fault.confirm(subject, pid, order)) || !isArmed(), wait),
        ),
      )
    } catch (error) {
      this.#giveUp(injection, (error as Error).message)
      if (!(error instanceof DeadlineError)) throw error
      throw new ApiError(504, 'FAULT_NOT_CONFIRMED', error.message)
    }
    if (!isArmed()) return
    injection.state = { is: 'ongoing', confirmedAt: new Date().toISOString() }
    this.#trace.append({ type: 'fault-confirmed', fault: order.id })
    this.#healedOnceOver(injection)
    if (fault.isMomentary) await this.heal(order.id)
  }

  /** Heals every part that is not over yet. Concurrent calls share one attempt. */
  #undo(injection: Injection): Promise<void> {
    return (injection.healing ??= this.#tryToUndo(injection).finally(() => delete injection.healing))
  }

  async #tryToUndo(injection: Injection): Promise<void> {
    const { fault, order, parts } = injection
    try {
      await Promise.all(
        parts.filter(({ isOver }) => !isOver).map(({ subject, pid }) => fault.heal(subject, order, pid)),
      )
      delete injection.unhealed
    } catch (error) {
      injection.unhealed = (error as Error).message
      if (injection.state.is === 'ongoing') this.#failed(injection, `not healed: ${injection.unhealed}`)
      throw error
    }
  }

  /** The fault can't land as a whole any more. Parts that still could are healed. */
  #giveUp(injection: Injection, reason: string): void {
    if (injection.state.is !== 'armed') return
    injection.state = { is: 'given-up' }
    clearTimeout(injection.expiry)
    this.#failed(injection, reason)
    // If that fails, the injection stays among the unhealed ones, with the reason.
    void this.#undo(injection).then(
      () => this.#injections.delete(injection.order.id),
      () => undefined,
    )
  }

  #failed({ order }: Injection, reason: string): void {
    this.#trace.append({ type: 'fault-failed', fault: order.id, reason })
  }

  async #expire(injection: Injection): Promise<void> {
    try {
      await this.heal(injection.order.id)
    } catch (error) {
      // If the fault stands, the trace has that already.
      if (injection.state.is !== 'ongoing') this.#failed(injection, `not healed: ${(error as Error).message}`)
    }
  }

  #notice(event: TraceEvent): void {
    if (event.type === 'process-noted') this.#noticeLanding(event)
    if (!('node' in event) && event.type !== 'process-up' && event.type !== 'process-down') return
    for (const injection of this.#injections.values()) {
      for (const part of injection.parts) if (isOf(event, part)) this.#noticePart(event, injection, part)
    }
  }

  #noticePart(event: TraceEvent, injection: Injection, part: Part): void {
    // An event of a part on which the fault has not landed is not the fault's end.
    if ((landed(injection) === true || part.hasReported) && injection.fault.endsWith.includes(event.type)) {
      part.isOver = true
      this.#healedOnceOver(injection)
    }
    if (event.type === 'node-down' && event.pid === part.pid) this.#noticeDeath(injection, part)
  }

  #noticeLanding({ process, event, detail }: Extract<TraceEvent, { type: 'process-noted' }>): void {
    const injection = this.#injections.get(String(detail['fault']))
    const part = injection?.parts.find(({ subject }) => process === `node-${subject.name}`)
    if (injection === undefined || part === undefined || injection.fault.landsWith !== event) return
    part.hasReported = true
    // The trace has the failure already.
    if (injection.state.is !== 'given-up' && injection.parts.every(({ hasReported }) => hasReported))
      void this.#confirm(injection).catch(() => undefined)
  }

  /** An armed fault can't land any more when its process is gone, unless it just did. */
  #noticeDeath(injection: Injection, part: Part): void {
    if (injection.fault.landsWith === undefined) return
    setTimeout(() => {
      if (part.hasReported || injection.state.is !== 'armed') return
      // The order ended with the process.
      for (const each of injection.parts) if (each.subject.pid !== each.pid) each.isOver = true
      this.#giveUp(injection, `node ${part.subject.name} ended before it came to that point`)
    }, LAST_WORDS_WAIT_MS).unref()
  }

  #healedOnceOver(injection: Injection): void {
    if (landed(injection) === true && injection.parts.every(({ isOver }) => isOver)) this.#healed(injection)
  }

  #healed(injection: Injection): void {
    const { state, order } = injection
    if (state.is === 'healed') return
    clearTimeout(injection.expiry)
    delete injection.unhealed
    const confirmedAt = state.is === 'ongoing' ? state.confirmedAt : null
    injection.state = { is: 'healed', confirmedAt, healedAt: new Date().toISOString() }
    this.#trace.append({ type: 'fault-healed', fault: order.id })
  }
}

function unknown(id: string): ApiError {
  return new ApiError(404, 'UNKNOWN_FAULT', `there is no fault "${id}"`)
}
