/** The view that should follow the present one, as one full member sees it. Pure; the vote decides whether it does. */
import type { Electorate, ViewMember, View } from '../wire/messages.ts'
import type { Neighbours } from './neighbours.ts'
import { bit, count, has, ranksOf } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { byRank, setOf } from './current-view.ts'
import { electorateOf, everyName } from './electorate.ts'
import { isKnownToAll, isRemovalKnown } from './member-changes.ts'

/**
 * Undefined when nothing is to change. A suspect becomes `out` and keeps its vote; a new process takes the place and the vote
 * of its predecessor; a joining member that has fetched everything becomes full, and no member becomes full otherwise.
 *
 * The last full replica of a bucket keeps its place until another process has its name: if it lives, it has the only copy,
 * and its buckets wait for it rather than begin empty. The last but one keeps its place while its link stands and a replica
 * of that bucket is joining, or joins with this very view: it may only be slow, and without it a single death would lose the bucket. Links on which nothing
 * arrives end soon, so this wait is short.
 */
export function nextView(
  context: PeerContext,
  view: View,
  neighbours: Neighbours,
  now: number,
  step = 1,
): View | undefined {
  const number = view.number + step
  const isSuspect = (member: ViewMember): boolean => member.role !== 'out' && neighbours.suspects(member, now)
  const living = view.members.filter((member) => member.role !== 'out' && !isSuspect(member)).map(({ rank }) => rank)
  const ranks = byRank(context.names, view)
  const named = everyName(context, view)
  const mayJoin = (rank: number): boolean =>
    rank !== context.rank && has(named, rank) && canJoin(context, neighbours, rank, living, now)
  const joiners = ranks.reduce((set, member, rank) => {
    const isOut = member === undefined || member.role === 'out'
    return isOut && mayJoin(rank) ? set | bit(rank) : set
  }, 0)
  const { adding, removing } = electorateOf(context, view)
  const isRemoved = (member: ViewMember): boolean =>
    has(removing, member.rank) && isRemovalKnown(context, view, neighbours, member)
  const mayCount = (rank: number): boolean => !has(adding, rank) || isKnownToAll(context, view, neighbours)
  const last = lastHolders(context, view, neighbours, { isSuspect, joiners })
  const isGone = (member: ViewMember): boolean => isSuspect(member) && !has(last, member.rank)
  const members = ranks.flatMap((member, rank): ViewMember[] => {
    const present = neighbours.of(rank).incarnation
    const isAway = member === undefined || member.role === 'out' || isGone(member)
    if (isAway && mayJoin(rank)) {
      return [{ rank, incarnation: present, role: 'joining', since: number }]
    }
    if (member === undefined || isRemoved(member)) return []
    if (isGone(member)) return [{ ...member, role: 'out', since: number }]
    if (member.role === 'joining' && isReady(neighbours, member, view) && mayCount(rank)) {
      return [{ ...member, role: 'full', since: number }]
    }
    return [member]
  })
  const isChanged = members.length < view.members.length || members.some((member) => ranks[member.rank] !== member)
  return isChanged ? { ...view, number, members, ...counting(view.electorate, members) } : undefined
}

/** A name that was added counts once it is full, and one that was removed is forgotten with its member. */
function counting(former: Electorate | undefined, members: readonly ViewMember[]): Pick<View, 'electorate'> {
  if (former === undefined) return {}
  const added = former.adding & setOf(members.filter(({ role }) => role === 'full'))
  const { counted, adding, removing } = former
  return {
    electorate: { counted: counted | added, adding: adding & ~added, removing: removing & setOf(members) },
  }
}

/** The same members again: ends the promises to a view that never came. */
export function again(view: View, step = 1): View {
  return { ...view, number: view.number + step }
}

/** A first view: all founders that are present are full. */
export function foundation(context: PeerContext, present: readonly number[], base: View | undefined): View {
  const number = (base?.number ?? 0) + 1
  const { founders, isResizable } = context
  const members = present.flatMap((incarnation, rank): ViewMember[] =>
    incarnation === 0 || !has(founders, rank) ? [] : [{ rank, incarnation, role: 'full', since: number }],
  )
  const view = { cluster: 1 + Math.floor(context.random() * (2 ** 48 - 1)), number, members }
  return isResizable ? { ...view, electorate: { counted: founders, adding: 0, removing: 0 } } : view
}

/** The suspects that keep their place, because some bucket would have too few full replicas left. */
function lastHolders(
  { placement }: PeerContext,
  { members }: View,
  neighbours: Neighbours,
  { isSuspect, joiners }: { readonly isSuspect: (member: ViewMember) => boolean; readonly joiners: number },
): number {
  const suspects = members.filter(isSuspect)
  if (suspects.length === 0) return 0
  const trusted = members.filter((member) => !suspects.includes(member))
  const joining = joiners | setOf(trusted.filter(({ role }) => role === 'joining'))
  const maySurvive = suspects.filter((member) => {
    return member.role === 'full' && (!neighbours.isLinked(member.rank) || neighbours.isPresent(member))
  })
  let kept = setOf(trusted.filter(({ role }) => role === 'full'))
  let last = 0
  for (let bucket = 0; bucket < placement.buckets; bucket++) {
    const replicas = placement.replicas(bucket)
    const copiesMin = (replicas & joining) === 0 ? 1 : 2
    for (const { rank } of maySurvive) {
      const copies = count(replicas & kept)
      if (copies >= copiesMin || (copies > 0 && !neighbours.isLinked(rank)) || !has(replicas, rank)) continue
      last |= bit(rank)
      kept |= bit(rank)
    }
  }
  return last
}

/** The rank and all live members hear each other. Otherwise it would be dropped again at once, over and over. */
function canJoin(
  context: PeerContext,
  neighbours: Neighbours,
  rank: number,
  living: readonly number[],
  now: number,
): boolean {
  const { hears } = neighbours.of(rank)
  if (!neighbours.hears(rank, now) || !has(hears, context.rank)) return false
  return living.every((other) => other === rank || other === context.rank || isMutual(neighbours, rank, other))
}

function isMutual(neighbours: Neighbours, left: number, right: number): boolean {
  return has(neighbours.of(left).hears, right) && has(neighbours.of(right).hears, left)
}

function isReady(neighbours: Neighbours, { rank }: ViewMember, view: View): boolean {
  const { cluster, view: number, ready } = neighbours.of(rank)
  return ready && cluster === view.cluster && number === view.number
}

/** Whether all names, also those that don't count, are there, in a set. */
export const isWhole = (context: PeerContext, set: number): boolean => ranksOf(set).length === context.names.length
