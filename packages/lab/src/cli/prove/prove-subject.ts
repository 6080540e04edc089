import type { Breaker } from '../../campaign/campaign.ts'
import type { Keeper } from '../../supervise/keeper.ts'
import type { Trace } from '../../trace/trace.ts'

/** What is put through the gauntlet: a cluster that the lab starts, or a system of the user's own. */
export interface Subject {
  readonly trace: Trace
  readonly breaker: Breaker
  readonly users: Keeper | undefined
  /** Resolves once the users are in it, with where it is. Rejects with LabError. */
  start(): Promise<string>
  /** Resolves once everybody has looked for the last time. */
  lastLook(): Promise<void>
  /** `cutShort`: why the run did less than it was to do. */
  stop(reason: string, cutShort?: string): Promise<void>
  /** Without asking anybody. */
  kill(): Promise<void>
}

/** A subject that can be opened, and what it will be broken with. */
export interface Plan {
  /** What the person at the terminal reads first. */
  readonly announcement: string
  readonly kinds: readonly string[]
  open(signal: AbortSignal): Promise<Subject>
}

/** What every plan is made for. */
export interface PlanBasis {
  readonly seed: number
  readonly run: string
  readonly directory: string
}
