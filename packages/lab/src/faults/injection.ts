/** One injection of a fault: what was asked for, what it fell on, and what has become of it so far. */
import type { TraceEvent } from '@ninelives/history'
import { ApiError } from '../errors.ts'
import type { Fault, FaultOrder, Subject } from './kinds/fault.ts'
import type { FaultDetail } from './kinds/fault-detail.ts'

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

/** One of the processes or edges that a fault falls on, with the pid that it had then. */
export interface Part {
  readonly subject: Subject
  readonly pid: number
  /** Where the fault lands at a moment of its own: the process reported that moment. */
  hasReported: boolean
  isOver: boolean
}

/**
 *     armed ──(seen to have landed)──▶ standing ──(healed, or over by itself)──▶ healed
 *       ├────(healed before it landed)─────────────────────────────────────────▶ healed
 *       └────(can't land any more)───▶ given-up
 *
 * What was given up is kept until nothing of it is left that would have to be undone.
 */
export type InjectionState =
  | { readonly is: 'armed' }
  | { readonly is: 'standing'; readonly confirmedAt: string }
  | { readonly is: 'healed'; readonly confirmedAt: string | null; readonly healedAt: string }
  | { readonly is: 'given-up' }

export interface Injection {
  readonly order: FaultOrder
  readonly fault: Fault
  readonly target: string
  readonly parts: readonly Part[]
  state: InjectionState
  /** Heals it once `durationMs` have passed. */
  expiry?: NodeJS.Timeout
  /** While it is being healed. */
  healing?: Promise<void>
  /** Why the last try to heal it failed. */
  unhealed?: string
}

export function toPart(fault: Fault, subject: Subject): Part {
  const { pid, name } = subject
  if (pid === undefined) throw new ApiError(409, 'NODE_STATE', `${fault.kind} needs a process; ${name} is down`)
  return { subject, pid, hasReported: false, isOver: false }
}

/** Whether the event is about that part. A process other than a node is known by its pid, which a new one does not have yet. */
export function isOf(event: TraceEvent, { subject, pid }: Part): boolean {
  if (event.type === 'process-down') return event.pid === pid
  if (event.type === 'process-up') return event.pid === subject.pid
  return 'node' in event && event.node === subject.name
}

/** When it was seen to have landed; null where it was not. */
export function confirmedAt({ state }: Injection): string | null {
  return state.is === 'standing' || state.is === 'healed' ? state.confirmedAt : null
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
