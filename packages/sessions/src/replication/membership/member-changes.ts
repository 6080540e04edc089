/**
 * How one name is added to a mesh or removed from it; see PROTOCOL.md, "Members come and go". A change takes two views. The first
 * begins it, for an operator; the second completes it, and any full member proposes that one.
 */
import type { Electorate, View, ViewMember } from '../wire/messages.ts'
import { bit, count, has, ranksOf } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { byRank, isProcess } from './current-view.ts'
import { electorateOf, votersOf } from './electorate.ts'
import type { Neighbours } from './neighbours.ts'

/** A member that is to be added or removed, by rank. */
export type MemberChange =
  | { readonly change: 'add'; readonly rank: number }
  /** `isGone`: an operator vouches that no process of that name runs. */
  | { readonly change: 'remove'; readonly rank: number; readonly isGone: boolean }

/** Of the names that found a mesh: so the others never make a majority without them. */
const GROWTH_MAX = 2

/** Each name that counts is borne by the process that the view lists, and that process has this view. */
export function isKnownToAll(context: PeerContext, view: View, neighbours: Neighbours, except = 0): boolean {
  const members = byRank(context.names, view)
  return ranksOf(electorateOf(context, view).counted & ~except).every((rank) => {
    const member = members[rank]
    return member !== undefined && hasView(context, view, neighbours, member)
  })
}

/** The process that is being removed knows it, or has ended. */
export function isRemovalKnown(context: PeerContext, view: View, neighbours: Neighbours, member: ViewMember): boolean {
  const { incarnation } = neighbours.of(member.rank)
  const isReplaced = incarnation !== 0 && !isProcess(member, incarnation)
  return isReplaced || neighbours.hasEnded(member) || hasView(context, view, neighbours, member)
}

/** The view that begins a change; a line that says why there is none; or undefined where nothing is left to begin. */
export function changedView(
  context: PeerContext,
  view: View,
  neighbours: Neighbours,
  change: MemberChange,
): View | string | undefined {
  if (hasBegun(context, view, change)) return undefined
  const name = context.names[change.rank] as string
  const present = electorateOf(context, view)
  const { counted, adding, removing } = present
  const own = bit(change.rank)
  const open = (adding | removing) & ~own
  if (open !== 0) return 'another member is being added or removed'
  if (change.change === 'add') {
    if (removing !== 0) return `${name} is being removed`
    if (count(counted) >= GROWTH_MAX * count(context.founders))
      return `a mesh that ${count(context.founders)} names found takes ${GROWTH_MAX * count(context.founders)} at most`
    if (!isWhole(context, view, neighbours, 0)) return 'not every member is there'
    return follow(view, view.members, { ...present, adding: own })
  }
  if (has(context.founders, change.rank)) return `${name} founds the mesh, and stays`
  const others = view.members.filter(({ rank }) => rank !== change.rank)
  // It never counted, or its removal has begun already.
  if (!has(counted, change.rank)) return follow(view, others, { counted, adding: 0, removing: 0 })
  if (!isWhole(context, view, neighbours, own)) return 'not every other member is there'
  if (change.isGone) return follow(view, others, { ...present, counted: counted & ~own })
  if (!neighbours.isLinked(change.rank) && change.rank !== context.rank) return `there is no link to ${name}`
  const members = view.members.map((member): ViewMember => {
    return member.rank === change.rank ? { ...member, role: 'out', since: view.number + 1 } : member
  })
  return follow(view, members, { ...present, counted: counted & ~own, removing: own })
}

/** A view has begun the change; the members complete it by themselves. */
export function hasBegun(context: PeerContext, view: View, change: MemberChange): boolean {
  const { counted, adding, removing } = electorateOf(context, view)
  if (change.change === 'add') return has(counted | adding, change.rank)
  return !has(counted | adding, change.rank) && !(change.isGone && has(removing, change.rank))
}

/** All that count, but the excepted, are full and have this view: then none of them may be the last replica of anything. */
function isWhole(context: PeerContext, view: View, neighbours: Neighbours, except: number): boolean {
  const isFull = votersOf(context, view).every(({ rank, role }) => role === 'full' || has(except, rank))
  return isFull && isKnownToAll(context, view, neighbours, except)
}

function hasView(
  { rank }: PeerContext,
  { cluster, number }: View,
  neighbours: Neighbours,
  member: ViewMember,
): boolean {
  if (member.rank === rank) return true
  const other = neighbours.of(member.rank)
  return isProcess(member, other.incarnation) && other.cluster === cluster && other.view === number
}

function follow(view: View, members: readonly ViewMember[], electorate: Electorate): View {
  return { cluster: view.cluster, number: view.number + 1, members, electorate }
}
