import type { NodeLife, TraceEvent } from '@ninelives/history'
import type { ServerKind } from '../../cluster/servers/server-kind.ts'
import type { FaultDetail } from './fault-detail.ts'
import type { FaultFields } from './fields.ts'

/** One injection of a fault. */
export interface FaultOrder extends FaultDetail {
  readonly id: string
}

/** What a fault falls on: a node, the store, edges. */
export interface Subject {
  readonly name: string
  /** The target's pid; absent while it has no process. */
  readonly pid: number | undefined
  /** Its state, as far as the lab knows. */
  readonly life: NodeLife
}

export type SubjectKind = 'node' | 'store' | 'edge' | 'partition'

/** One way to break something, and to heal it. A new one is a file in `node/`, `store/` or `edge/`, and an entry in `index.ts`. */
export interface Fault<S extends Subject = Subject> {
  readonly kind: string
  readonly on: readonly SubjectKind[]
  readonly fields?: FaultFields
  /** The states of the subject in which this fault has an effect. */
  readonly needs: readonly NodeLife[]
  /** Events of the target that show that the fault is over, whether it was healed or not: `node-down`, if it ends with the process. */
  readonly endsWith: readonly TraceEvent['type'][]
  /** A store that is a file of the nodes can have it too. */
  readonly isOfFiles?: true
  /** It is over as soon as it has landed, like a reset of connections, and needs no healing. */
  readonly isMomentary?: true
  /** The lab restarts the target, so a campaign need not heal it. */
  readonly comesBack?: true
  /** Draws its fields for a campaign, in which it was drawn so often before. */
  readonly drawn?: (random: () => number, before: number) => FaultDetail
  /** The time for `confirm`, if it is longer than the default. */
  readonly landsWithinMs?: number
  /**
   * For a fault that lands later by itself, for example at a request that may never come: `inject` only arms it, and the node
   * logs an event of this name, with the fault's id as `fault`, when it lands.
   */
  readonly landsWith?: string

  /** For a fault of the store: why such a server can't have it. */
  refuses?(server: ServerKind): string | undefined

  /** Rejects with ApiError if the fault can't be started or armed. */
  inject(subject: S, order: FaultOrder): void | Promise<void>

  /** Whether it was *observed* to have landed on the process with this pid; never an assumption. */
  confirm(subject: S, pid: number, order: FaultOrder): Promise<boolean>

  /**
   * Resolves when the subject was observed to have recovered, and nothing of the fault can still land. `pid` is that of the process on which
   * it fell: another one may be back already.
   */
  heal(subject: S, order: FaultOrder, pid: number): Promise<void>
}
