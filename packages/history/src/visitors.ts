/** The people in the shop: the node that served each last, and what the death of that node did to them. */
import type { VisitorServed } from './trace/events.ts'
import { type ClusterState, type VisitorState, VISITORS_MAX } from './state.ts'

/** A node whose answer is older was not the visitor's when it died, unless no other node answered since. */
const OWN_FOR_MS = 5_000

/** The visitor that was served becomes the last one. */
export function withVisitor(
  { visitors }: ClusterState,
  { visitor: id, node, user, left }: VisitorServed,
  atMs: number,
): readonly VisitorState[] {
  const before = visitors.find((each) => each.id === id)
  const served: VisitorState = {
    id,
    node,
    ...(user === undefined ? {} : { user }),
    standing: standingOf(before, user, left),
    servedAtMs: { ...before?.servedAtMs, [node]: atMs },
    ...(before?.death === undefined ? {} : { death: { ...before.death, next: before.death.next ?? node } }),
  }
  return [...visitors.filter((each) => each.id !== id), served].slice(-VISITORS_MAX)
}

/** Whether that answer says nothing new about the visitor. */
export function isKnownOf({ visitors }: ClusterState, { visitor, node, user, left }: VisitorServed): boolean {
  const known = visitors.find(({ id }) => id === visitor)
  if (known === undefined || known.node !== node || known.user !== user || left) return false
  return known.death === undefined || known.death.next !== undefined
}

export function visitorsAfterDeath({ visitors }: ClusterState, node: string, atMs: number): readonly VisitorState[] {
  return visitors.map((visitor) => {
    const servedAtMs = visitor.servedAtMs[node]
    if (servedAtMs === undefined || (visitor.node !== node && atMs - servedAtMs > OWN_FOR_MS)) return visitor
    return { ...visitor, death: { node, atMs } }
  })
}

function standingOf(
  before: VisitorState | undefined,
  user: string | undefined,
  left: boolean,
): VisitorState['standing'] {
  if (user !== undefined) return 'in'
  if (left || before === undefined) return 'away'
  return before.standing === 'in' ? 'out' : before.standing
}
