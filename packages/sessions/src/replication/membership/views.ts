/**
 * When this peer proposes a view, and which decided views it installs; see PROTOCOL.md, "Membership".
 *
 * A full member that finds a reason for another view proposes it. The others follow in turns of `turnMs`, in case the first
 * does not get through. A peer that does not hear a majority proposes nothing.
 *
 * All names found a mesh together when all are there and none has a view; or a majority does, after `foundMs`. The risk of
 * the latter: absent nodes may still run a mesh that has lost its majority, and so serves no request. It gives way to the new
 * mesh when they meet, and its sessions are gone.
 */
import type { Ballots } from './ballots.ts'
import type { Lease } from './lease.ts'
import type { View } from '../wire/messages.ts'
import { QUIET_VERSION } from '../context/linked-peer.ts'
import type { Neighbours } from './neighbours.ts'
import { bit, count, has, includes, ranksOf } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { TICK_MS } from '../context/timing.ts'
import { byRank, type CurrentView, hasVote, setOf } from './current-view.ts'
import { electorateOf, everyName, isNamed, majorityOf, votersOf } from './electorate.ts'
import { changedView, hasBegun, type MemberChange } from './member-changes.ts'
import { again, foundation, isWhole, nextView } from './succession.ts'

interface ViewProposal {
  readonly next: View
  readonly present: readonly number[] | undefined
  /** How many other proposers come first. */
  readonly turn: number
}

interface MemberWish {
  readonly change: MemberChange
  readonly done: (refusal: string | undefined) => void
  readonly untilMs: number
  /** Why it has not begun yet. */
  misses: string
}

/** Dead processes may have decided views that no living one has heard of: so many numbers are skipped. */
const LOST_VIEWS = 1_000
const STUCK_LEASES = 1.5
export const CLOSED = 'this node is closed'

export class Views {
  readonly #context: PeerContext
  readonly #currentView: CurrentView
  readonly #neighbours: Neighbours
  readonly #lease: Lease
  readonly #ballots: Ballots
  readonly #startedAtMs: number
  #wantedAtMs: number | undefined
  #wish: MemberWish | undefined

  constructor(context: PeerContext, currentView: CurrentView, neighbours: Neighbours, lease: Lease, ballots: Ballots) {
    this.#context = context
    this.#currentView = currentView
    this.#neighbours = neighbours
    this.#lease = lease
    this.#ballots = ballots
    this.#startedAtMs = context.clock.monotonicMs()
  }

  /** Whether a decided view replaces the present one. */
  supersedes(view: View): boolean {
    const present = this.#currentView.view
    if (present === undefined) return true
    if (view.cluster === present.cluster) return view.number > present.number
    return this.#givesWay(present, view)
  }

  /** Whether exactly these processes are present, as this peer sees it. */
  agreesOnPresent(present: readonly number[], base: View | undefined, now: number): boolean {
    const there = present.reduce((set, incarnation, rank) => (incarnation === 0 ? set : set | bit(rank)), 0)
    if (!isWhole(this.#context, there) && !this.#isEnoughOf(there, base, now)) return false
    return present.every((incarnation, rank) => this.#neighbours.of(rank).incarnation === incarnation)
  }

  /**
   * Nothing about the membership is open: each other name is a full member with a link and in this view, or is out of it and
   * away. Then no heartbeat has anything to say. A process that the mesh does not name only looks for a view that names it.
   */
  isSettled(now: number): boolean {
    const { view, electorate } = this.#currentView
    const isNone = view !== undefined && !isNamed(electorate, this.#context.rank)
    if (isNone) return !this.#ballots.isPromised && this.#isLatest(view)
    const isOpen =
      this.#wish !== undefined ||
      this.#ballots.isPromised ||
      this.#ballots.isUnderWay(now) ||
      this.#currentView.role !== 'full'
    return !isOpen && this.#context.names.every((_, rank) => rank === this.#context.rank || this.#isAtRest(rank, now))
  }

  /** Begins a change of the members as soon as it may begin. `done`: once, with the reason where it was not begun. */
  change(change: MemberChange, done: (refusal: string | undefined) => void): void {
    if (this.#wish !== undefined) return done('another member is being added or removed')
    const untilMs = this.#context.clock.monotonicMs() + this.#context.timing.verbMs
    this.#wish = { change, done, untilMs, misses: 'not enough members are there' }
    this.#context.due(untilMs)
  }

  close(): void {
    this.#wish?.done(CLOSED)
    this.#wish = undefined
  }

  tick(now: number): void {
    this.#answerWish(now)
    if (!this.isSettled(now)) this.#context.due(now + TICK_MS)
    if (this.#ballots.isUnderWay(now)) return
    const proposal = this.#nextProposal(now)
    if (proposal === undefined) {
      this.#wantedAtMs = undefined
      return
    }
    this.#wantedAtMs ??= now
    if (now - this.#wantedAtMs < proposal.turn * this.#context.timing.turnMs) return
    this.#ballots.propose(proposal.next, proposal.present, now)
  }

  #answerWish(now: number): void {
    const wish = this.#wish
    const { view } = this.#currentView
    if (wish === undefined) return
    const isBegun = view !== undefined && hasBegun(this.#context, view, wish.change)
    if (!isBegun && now < wish.untilMs) return
    this.#wish = undefined
    wish.done(isBegun ? undefined : wish.misses)
  }

  #isAtRest(rank: number, now: number): boolean {
    const member = this.#currentView.member(rank)
    const { incarnation, version, cluster, view, deafSinceMs } = this.#neighbours.of(rank)
    if (incarnation === 0) return member === undefined || member.role === 'out'
    if (!isNamed(this.#currentView.electorate, rank)) return true
    if (member?.role !== 'full' || this.#neighbours.suspects(member, now)) return false
    const isInThisView = cluster === this.#currentView.cluster && view === this.#currentView.number
    return isInThisView && deafSinceMs === Infinity && version >= QUIET_VERSION
  }

  #nextProposal(now: number): ViewProposal | undefined {
    const view = this.#currentView.view
    const heard = this.#neighbours.heard(now)
    if (view === undefined) return this.#founding(undefined, heard, now)
    if (this.#isLost(view)) return this.#isLatest(view) ? this.#founding(view, heard, now) : undefined
    if (this.#votersHeard(view, heard) < this.#currentView.majority) return this.#reforming(view, heard, now)
    if (this.#currentView.role !== 'full') return undefined
    const next = nextView(this.#context, view, this.#neighbours, now) ?? this.#unstuck(view, now) ?? this.#wished(view)
    return next && { next, present: undefined, turn: this.#turn(this.#currentView.full, view, now) }
  }

  #unstuck(view: View, now: number): View | undefined {
    const withoutMs = Math.max(this.#lease.missedMs(now), this.#ballots.promisedMs(now))
    return withoutMs > STUCK_LEASES * this.#context.timing.leaseMs ? again(view) : undefined
  }

  /** The listed processes make no majority: only all names together can decide a view. */
  #reforming(view: View, heard: number, now: number): ViewProposal | undefined {
    if (!includes(heard, everyName(this.#context, view)) || !this.#isLatest(view)) return undefined
    const present = setOf(view.members.filter((member) => member.role === 'full' && this.#neighbours.isPresent(member)))
    if (this.#currentView.role !== 'full') return undefined
    const next = nextView(this.#context, view, this.#neighbours, now, LOST_VIEWS) ?? again(view, LOST_VIEWS)
    return { next, present: this.#present(heard), turn: this.#turn(present, view, now) }
  }

  /** With a `base` when all full members of an older mesh are gone. */
  #founding(base: View | undefined, heard: number, now: number): ViewProposal | undefined {
    const strangers = ranksOf(heard).some((rank) => base === undefined && this.#neighbours.of(rank).cluster !== 0)
    if (strangers || !has(this.#context.founders, this.#context.rank)) return undefined
    if (!isWhole(this.#context, heard) && !this.#isEnoughOf(heard, base, now)) return undefined
    const present = this.#present(heard)
    return { next: foundation(this.#context, present, base), present, turn: this.#context.rank }
  }

  /** Where not all names are there. Other names may have become more than the founders, so each founder is needed then. */
  #isEnoughOf(there: number, base: View | undefined, now: number): boolean {
    const { founders, isResizable } = this.#context
    if (base !== undefined) {
      if (!isResizable || !includes(there, founders | everyName(this.#context, base))) return false
      return this.#isVouchedFor(base) || this.#hasWaited(now)
    }
    if (!this.#hasWaited(now)) return false
    return isResizable ? includes(there, founders) : count(there) >= this.#currentView.majority
  }

  /** A listed process that counts knows each name that may count meanwhile. One that was removed since does not: others may have been added. */
  #isVouchedFor(base: View): boolean {
    return this.#neighbours.voters(votersOf(this.#context, base)) > 0
  }

  #wished(view: View): View | undefined {
    if (this.#wish === undefined) return undefined
    const next = changedView(this.#context, view, this.#neighbours, this.#wish.change)
    if (typeof next === 'string') this.#wish.misses = next
    return typeof next === 'object' ? next : undefined
  }

  /** Another process has every full member's name: all replicas of the sessions are gone. */
  #isLost({ members }: View): boolean {
    return members.every((member) => {
      return member.role !== 'full' || (this.#neighbours.isLinked(member.rank) && !this.#neighbours.isPresent(member))
    })
  }

  #hasWaited(now: number): boolean {
    return now - this.#startedAtMs >= this.#context.timing.foundMs
  }

  #present(heard: number): number[] {
    const within = new Set(ranksOf(heard))
    return this.#context.names.map((_, rank) => (within.has(rank) ? this.#neighbours.of(rank).incarnation : 0))
  }

  #votersHeard(view: View, heard: number): number {
    const within = new Set(ranksOf(heard))
    return votersOf(this.#context, view).filter((member) => {
      return within.has(member.rank) && hasVote(member, this.#neighbours.of(member.rank).incarnation)
    }).length
  }

  /** No linked peer is in another mesh, or in a later view of this one. */
  #isLatest({ cluster, number }: View): boolean {
    return this.#context.names.every((_, rank) => {
      if (rank === this.#context.rank) return true
      const other = this.#neighbours.of(rank)
      return other.cluster === 0 || (other.cluster === cluster && other.view <= number)
    })
  }

  /** How many full members come before this one. */
  #turn(full: number, view: View, now: number): number {
    const ranks = byRank(this.#context.names, view)
    const living = ranksOf(full).filter((rank) => {
      const member = ranks[rank]
      return member !== undefined && !this.#neighbours.suspects(member, now)
    })
    return Math.max(living.indexOf(this.#context.rank), 0)
  }

  /**
   * Whether this peer leaves its mesh for another: its own can have no majority any more, because other processes have too
   * many of its names, and the other mesh has a majority. A peer that no view lists joins the mesh with more members present.
   */
  #givesWay(present: View, other: View): boolean {
    const accepted = this.#ballots.accepted
    if (accepted?.cluster === other.cluster && accepted.number === other.number) return true
    const here = this.#neighbours.voters(votersOf(this.#context, present))
    const there = this.#neighbours.voters(votersOf(this.#context, other))
    if (this.#currentView.self === undefined) return there > here || (there === here && other.cluster > present.cluster)
    const voters = votersOf(this.#context, present)
    const replaced = voters.filter(
      (member) => this.#neighbours.isLinked(member.rank) && !this.#neighbours.isPresent(member),
    ).length
    const majorityThere = majorityOf(electorateOf(this.#context, other))
    return voters.length - replaced < this.#currentView.majority && there >= majorityThere
  }
}
