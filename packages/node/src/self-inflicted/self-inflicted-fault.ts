/** Something that this process suffers because the lab said so. */
export interface SelfInflictedFault {
  /** Resolves once it is there. */
  begin(): void | Promise<void>
  /** Whether it is seen to be there. */
  stands(): boolean
  end(): void
}

/** What the lab said of it; what it does not know it leaves alone. */
export type FaultOrder = Readonly<Record<string, unknown>>
