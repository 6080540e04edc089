import type { NodeLife, TraceEvent } from '@ninelives/history'
import type { FaultDetail } from './fault-detail.ts'
import type { FaultFields } from './fields.ts'

/** One injection of a fault. */
export interface FaultOrder extends FaultDetail {
  readonly id: string
}

/** What a fault is done to: a node, the store, edges. */
export interface Subject {
  readonly name: string
  /** Of the process that suffers it; absent while there is none. */
  readonly pid: number | undefined
  /** What it is doing, as far as the lab was told. */
  readonly life: NodeLife
}

export type SubjectKind = 'node' | 'store' | 'edge' | 'partition'

/** One way to break something, and to mend it. A new one is a file in this folder and an entry in `index.ts`. */
export interface Fault<S extends Subject = Subject> {
  readonly kind: string
  readonly on: readonly SubjectKind[]
  readonly fields?: FaultFields
  /** What the subject must be doing for this fault to mean anything. */
  readonly needs: readonly NodeLife[]
  /** What shows that it is over, however that came about. */
  readonly endsWith: readonly TraceEvent['type'][]
  /** Over as soon as it was seen to have landed. */
  readonly isMomentary?: true
  /** The lab restarts what it falls on, so a campaign need not heal it. */
  readonly comesBack?: true
  /** Its fields in a campaign, drawn from the seed. */
  readonly drawn?: (random: () => number) => FaultDetail
  /** Where that may take longer than a moment. */
  readonly landsWithinMs?: number
  /**
   * It lands at a moment of its own, such as a request that may never come: after `inject` it stands ready, and the node
   * itself tells by an event of this name, with the order's id as `fault`, that the moment is there.
   */
  readonly landsWith?: string

  /** Rejects with ApiError when it can't even be made ready. */
  inject(subject: S, order: FaultOrder): void | Promise<void>

  /** Whether it is *seen* to have landed on the process that had this pid; never because it should have. */
  confirm(subject: S, pid: number, order: FaultOrder): Promise<boolean>

  /** Resolves once the subject is seen to be well, and nothing of the fault is left that could still land. */
  heal(subject: S, order: FaultOrder): Promise<void>
}
