/**
 * Over which names a majority is counted. In a fixed mesh that is every name, for good. In a mesh whose members may change each
 * view says it, and one name at a time is added or removed; see PROTOCOL.md, "Members come and go".
 */
import type { Electorate, View, ViewMember } from '../wire/messages.ts'
import { count, has } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'

/** Without a view: the names that found the mesh. */
export function electorateOf({ founders }: PeerContext, view: View | undefined): Electorate {
  return view?.electorate ?? { counted: founders, adding: 0, removing: 0 }
}

export function majorityOf({ counted }: Electorate): number {
  return Math.floor(count(counted) / 2) + 1
}

/** The members that count. */
export function votersOf(context: PeerContext, view: View): ViewMember[] {
  const { counted } = electorateOf(context, view)
  return view.members.filter(({ rank }) => has(counted, rank))
}

/** The ranks that have to agree where no majority is left: no process of another name can have decided anything. */
export function everyName(context: PeerContext, view: View | undefined): number {
  const { counted, adding } = electorateOf(context, view)
  return counted | adding
}

/** The view knows the name: it counts, or is being added or removed. */
export function isNamed({ counted, adding, removing }: Electorate, rank: number): boolean {
  return has(counted | adding | removing, rank)
}
