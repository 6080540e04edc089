import { type ClusterState, isKnownOf, type VisitorServed } from '@ninelives/history'
import type { Message } from '../supervise/child.ts'

/** The event for a node's message about a person's browser; undefined if it tells nothing new. */
export function visitorServed(
  state: ClusterState,
  node: string,
  { visitor, user, left }: Message,
): VisitorServed | undefined {
  if (typeof visitor !== 'string') return undefined
  const served: VisitorServed = {
    type: 'visitor-served',
    visitor,
    node,
    ...(typeof user === 'string' ? { user } : {}),
    left: left === true,
  }
  return isKnownOf(state, served) ? undefined : served
}
