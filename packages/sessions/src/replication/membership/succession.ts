/** Which view should follow the present one, as one full member sees it. Pure: the vote decides whether it does. */
import type { ViewMember, View } from '../wire/messages.ts'
import type { Neighbours } from './neighbours.ts'
import { bit, count, has, ranksOf } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { byRank, setOf } from './current-view.ts'

/**
 * Undefined when nothing is to change. Suspects lose their place but not their vote, a new process takes the place and the
 * vote of its predecessor, and who has fetched everything becomes full. A full member never comes from anywhere else.
 *
 * The last full replica of a bucket keeps its place until another process has its name: should it live, it has the only
 * copy there is, and its buckets rather wait for it than begin anew without what was acknowledged. The last but one keeps
 * its place while its link stands and somebody is joining who will have the bucket too: it may only be slow, and then no
 * single death is too much. A link on which nothing comes is ended soon, so that nobody waits for long.
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
  const last = lastHolders(context, view, neighbours, isSuspect)
  const isGone = (member: ViewMember): boolean => isSuspect(member) && !has(last, member.rank)
  const living = view.members.filter((member) => member.role !== 'out' && !isSuspect(member)).map(({ rank }) => rank)
  const ranks = byRank(context.names, view)
  const members = ranks.flatMap((member, rank): ViewMember[] => {
    const present = neighbours.of(rank).incarnation
    const isAway = member === undefined || member.role === 'out' || isGone(member)
    if (isAway && rank !== context.rank && canJoin(context, neighbours, rank, living, now)) {
      return [{ rank, incarnation: present, role: 'joining', since: number }]
    }
    if (member === undefined) return []
    if (isGone(member)) return [{ ...member, role: 'out', since: number }]
    if (member.role === 'joining' && isReady(neighbours, member, view)) {
      return [{ ...member, role: 'full', since: number }]
    }
    return [member]
  })
  const isChanged = members.some((member) => ranks[member.rank] !== member)
  return isChanged ? { cluster: view.cluster, number, members } : undefined
}

/** The same members once more, to end the promises to a view that never came. */
export function again(view: View, step = 1): View {
  return { ...view, number: view.number + step }
}

/** A first view, of all that are present. */
export function foundation(context: PeerContext, present: readonly number[], base: View | undefined): View {
  const number = (base?.number ?? 0) + 1
  const members = present.flatMap((incarnation, rank): ViewMember[] =>
    incarnation === 0 ? [] : [{ rank, incarnation, role: 'full', since: number }],
  )
  return { cluster: 1 + Math.floor(context.random() * (2 ** 48 - 1)), number, members }
}

/** Of those suspected, the ranks without whom some bucket would have too few full replicas left, and who may live. */
function lastHolders(
  { placement }: PeerContext,
  { members }: View,
  neighbours: Neighbours,
  isSuspect: (member: ViewMember) => boolean,
): number {
  const suspects = members.filter(isSuspect)
  if (suspects.length === 0) return 0
  const trusted = members.filter((member) => !suspects.includes(member))
  const joining = setOf(trusted.filter(({ role }) => role === 'joining'))
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

/** It and all the living hear each other. One that only some can hear would be dropped again at once, over and over. */
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

/** Whether all of these names are there, in a set. */
export const isWhole = (context: PeerContext, set: number): boolean => ranksOf(set).length === context.names.length
