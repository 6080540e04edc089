/** One injection of a fault: the request, its targets, and its state. */
import type { TraceEvent } from '@ninelives/history'
import { ApiError } from '../errors.ts'
import type { Fault, FaultOrder, Subject } from './contract/fault.ts'
import type { FaultDetail } from './contract/fault-detail.ts'

/** A fault as the API shows it. */
export interface FaultRecord extends FaultDetail {
  readonly id: string
  readonly kind: string
  /** What it fell on, separated by commas. */
  readonly target: string
  /** Null until an armed fault has landed. */
  readonly confirmedAt: string | null
  readonly healedAt?: string
}

/** One process or edge that a fault falls on, with its pid at that time. */
export interface Part {
  readonly subject: Subject
  readonly pid: number
  /** For an armed fault: the process has reported that it landed. */
  hasReported: boolean
  isOver: boolean
}

/**
 *     armed ──(confirmed)──▶ ongoing ──(healed, or over by itself)──▶ healed
 *       ├────(healed before it landed)───────────────────────────────▶ healed
 *       └────(can't land any more)───▶ given-up
 *
 * A given-up injection is kept until nothing of it is left to undo.
 */
export type InjectionState =
  | { readonly is: 'armed' }
  | { readonly is: 'ongoing'; readonly confirmedAt: string }
  | { readonly is: 'healed'; readonly confirmedAt: string | null; readonly healedAt: string }
  | { readonly is: 'given-up' }

export interface Injection {
  readonly order: FaultOrder
  readonly fault: Fault
  readonly target: string
  readonly parts: readonly Part[]
  state: InjectionState
  /** Heals it after `durationMs`. */
  expiry?: NodeJS.Timeout
  /** While it is being healed. */
  healing?: Promise<void>
  /** Why the last attempt to heal it failed. */
  unhealed?: string
}

export function toPart(fault: Fault, subject: Subject): Part {
  const { pid, name } = subject
  if (pid === undefined) throw new ApiError(409, 'NODE_STATE', `${fault.kind} needs a process; ${name} is down`)
  return { subject, pid, hasReported: false, isOver: false }
}

/** Whether the event is about that part. A process other than a node is identified by its pid. */
export function isOf(event: TraceEvent, { subject, pid }: Part): boolean {
  if (event.type === 'process-down') return event.pid === pid
  if (event.type === 'process-up') return event.pid === subject.pid
  return 'node' in event && event.node === subject.name
}

/** When it was confirmed; null if it was not. */
export function confirmedAt({ state }: Injection): string | null {
  return state.is === 'ongoing' || state.is === 'healed' ? state.confirmedAt : null
}

/** Whether it landed; undefined while that may still come. */
export function landed(injection: Injection): boolean | undefined {
  return injection.state.is === 'armed' ? undefined : confirmedAt(injection) !== null
}

export function toRecord(injection: Injection): FaultRecord {
  const { order, fault, target, state } = injection
  const { id, ...detail } = order
  const healed = state.is === 'healed' ? { healedAt: state.healedAt } : {}
  return { id, kind: fault.kind, target, ...detail, confirmedAt: confirmedAt(injection), ...healed }
}
