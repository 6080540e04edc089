/** One injection of a fault: what was asked for, what it fell on, and what has become of it so far. */
import type { TraceEvent } from '@ninelives/history'
import { ApiError } from '../errors.ts'
import type { Fault, FaultDetail, FaultOrder, Subject } from './fault.ts'

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
export interface Part {
  readonly subject: Subject
  readonly pid: number
  /** Where the fault lands at a moment of its own: it told that the moment was there. */
  hasTold: boolean
  isOver: boolean
}

export interface Entry {
  readonly order: FaultOrder
  readonly fault: Fault
  readonly target: string
  readonly parts: readonly Part[]
  confirmedAt: string | null
  healedAt?: string
  expiry?: NodeJS.Timeout
  /** It did not land, and won't; it is kept until there is nothing left of it to mend. */
  isGivenUp: boolean
  /** Of it, how many are under way. */
  healings: number
  /** Why it could not be healed when that was tried last. */
  unhealed?: string
}

export function toPart(fault: Fault, subject: Subject): Part {
  const { pid, name } = subject
  if (pid === undefined) throw new ApiError(409, 'NODE_STATE', `${fault.kind} needs a process; ${name} is down`)
  return { subject, pid, hasTold: false, isOver: false }
}

/** A process beside the nodes is known by its pid, which a new one does not have yet. */
export function isOf(event: TraceEvent, { subject, pid }: Part): boolean {
  if (event.type === 'process-down') return event.pid === pid
  if (event.type === 'process-up') return event.pid === subject.pid
  return 'node' in event && event.node === subject.name
}

export function toRecord({ order, fault, target, confirmedAt, healedAt }: Entry): FaultRecord {
  const { id, ...detail } = order
  const healed = healedAt === undefined ? {} : { healedAt }
  return { id, kind: fault.kind, target, ...detail, confirmedAt, ...healed }
}
