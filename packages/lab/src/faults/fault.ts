import type { NodeLife, TraceEvent } from '@ninelives/history'
import type { ClusterNode } from '../cluster/node.ts'

/** What a fault may be told beside its target. `crash` alone takes any of it. */
export interface FaultDetail {
  readonly point?: CrashPoint
  /** At which of the coming requests that pass the point: 1 is the next. */
  readonly request?: number
  /** Only requests of this method and route count, such as `POST /api/cart`. */
  readonly operation?: string
}

export const CRASH_POINTS = ['before-read', 'before-commit', 'after-commit', 'after-response'] as const
export type CrashPoint = (typeof CRASH_POINTS)[number]

/** One injection of a fault. */
export interface FaultOrder extends FaultDetail {
  readonly id: string
}

/** One way to break a node, and to mend it. A new one is a file beside this one and an entry in `index.ts`. */
export interface Fault {
  readonly kind: string
  /** What the node must be doing for this fault to mean anything. */
  readonly needs: readonly NodeLife[]
  /** What shows that it is over, however that came about. */
  readonly endsWith: readonly TraceEvent['type'][]
  /**
   * It lands at a moment of its own, such as a request that may never come: after `inject` it stands ready, and the node
   * itself tells by an event of this name, with the order's id as `fault`, that the moment is there.
   */
  readonly landsWith?: string

  /** Rejects with ApiError when it can't even be made ready. */
  inject(node: ClusterNode, order: FaultOrder): void | Promise<void>

  /** Whether it is *seen* to have landed on the process that had this pid; never because it should have. */
  confirm(node: ClusterNode, pid: number): Promise<boolean>

  /** Resolves once the node is seen to be well, and nothing of the fault is left that could still land. */
  heal(node: ClusterNode, order: FaultOrder): Promise<void>
}
