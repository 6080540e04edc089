/** The people in the shop: the node that served each last, and what the death of that node did to them. */
import type { VisitorServed } from './trace/events.ts'
import { type ClusterState, type VisitorDeath, type VisitorState, VISITORS_MAX } from './state.ts'

/** A visitor's own nodes: the last ones that answered, whatever the time since. */
const OWN_NODES_MAX = 3

/** The visitor that was served becomes the last one. */
export function withVisitor(
  { visitors }: ClusterState,
  { visitor: id, node, user, left }: VisitorServed,
): readonly VisitorState[] {
  const before = visitors.find((each) => each.id === id)
  const standing = standingOf(before, user, left)
  const isNewlyOut = standing === 'out' && before?.standing === 'in'
  const death = isNewlyOut ? fatalDeath(before) : before?.death
  const served: VisitorState = {
    id,
    node,
    ...(user === undefined ? {} : { user }),
    standing,
    nodes: [node, ...(before?.nodes ?? []).filter((each) => each !== node)].slice(0, OWN_NODES_MAX),
    ...(death === undefined ? {} : { death: { ...death, next: death.next ?? node } }),
  }
  return [...visitors.filter((each) => each.id !== id), served].slice(-VISITORS_MAX)
}

/** The death that logged the visitor out: of the node that had answered last, with no answer since. An earlier one has cost nothing. */
function fatalDeath({ node, death }: VisitorState): VisitorDeath | undefined {
  return death?.node === node && death.next === undefined ? death : undefined
}

/** Whether that answer says nothing new about the visitor. */
export function isKnownOf({ visitors }: ClusterState, { visitor, node, user, left }: VisitorServed): boolean {
  const known = visitors.find(({ id }) => id === visitor)
  if (known === undefined || known.node !== node || known.user !== user || left) return false
  return known.death === undefined || known.death.next !== undefined
}

export function visitorsAfterDeath({ visitors }: ClusterState, node: string, atMs: number): readonly VisitorState[] {
  return visitors.map((visitor) => {
    if (!visitor.nodes.includes(node) || visitor.standing === 'out') return visitor
    // The process that takes its place has not answered this visitor yet.
    return { ...visitor, nodes: visitor.nodes.filter((each) => each !== node), death: { node, atMs } }
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
