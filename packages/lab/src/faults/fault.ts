import type { NodeLife, TraceEvent } from '@ninelives/history'
import type { ClusterNode } from '../cluster/node.ts'

/** One way to break a node, and to mend it. A new one is a file beside this one and an entry in `index.ts`. */
export interface Fault {
  readonly kind: string
  /** What the node must be doing for this fault to mean anything. */
  readonly needs: readonly NodeLife[]
  /** What shows that it is over, however that came about. */
  readonly endsWith: readonly TraceEvent['type'][]

  inject(node: ClusterNode): void

  /** Whether it is *seen* to have landed on the process that had this pid; never because it should have. */
  confirm(node: ClusterNode, pid: number): Promise<boolean>

  /** Resolves once the node is seen to be well. */
  heal(node: ClusterNode): Promise<void>
}
