/** A fault that this process inflicts on itself by order of the lab. */
export interface SelfInflictedFault {
  /** Resolves when the fault stands. */
  begin(): void | Promise<void>
  /** Whether the fault is observed to stand. */
  stands(): boolean
  end(): void
}

/** The lab's order; unknown fields are ignored. */
export type FaultOrder = Readonly<Record<string, unknown>>
