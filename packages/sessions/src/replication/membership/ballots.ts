/**
 * How a view is decided: single-decree Paxos, one instance for each view. Only the instance after a decided view is open.
 * The processes that this view lists vote, and it takes a majority of the *names* that count in it. A restarted process has another
 * incarnation, so it can't break a promise of its predecessor: it has no vote until a decided view lists it.
 *
 * When so many restarted that the listed processes make no majority, a `present` ballot goes on: *every* name has to agree,
 * by the process that is linked to all others. Then no process is left that could have voted otherwise. The first view is
 * decided in the same way.
 */
import assert from 'node:assert'
import type { Accept, Accepted, ViewMember, Message, Prepare, PromiseMade, View } from '../wire/messages.ts'
import type { Neighbours } from './neighbours.ts'
import { bit, count, has } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { electorateOf, majorityOf } from './electorate.ts'
import { type CurrentView, hasVote } from './current-view.ts'
import { QUIET_MAX_MS } from './lease.ts'

interface Proposal {
  readonly ballot: number
  readonly base: View | undefined
  readonly next: View
  readonly present: readonly number[] | undefined
  readonly untilMs: number
  promises: number
  accepts: number
  /** The view put to the vote: one that a voter has accepted already, if there is one. */
  put: View | undefined
  best: PromiseMade['accepted']
  /** By rank, the shortest time since a voter that promised has echoed it. */
  quietMs: readonly number[]
  /** The ranks whose process has ended, as one of the voters that promised knows. */
  ended: number
}

export interface BallotHooks {
  /** A decided view. It may be older than the present one, or of another cluster. */
  readonly decided: (view: View, quietMs?: readonly number[]) => void
  /** Whether this peer sees exactly these processes, and may agree with them on a view. */
  readonly agreesOnPresent: (present: readonly number[], base: View | undefined) => boolean
  /** By rank, how long ago this peer last echoed it. */
  readonly quietMs: () => readonly number[]
  /** The ranks of the present view whose process is known to have ended. */
  readonly ended: () => number
}

const RANKS = 32
const RETRY_MS = 60

export class Ballots {
  readonly #context: PeerContext
  readonly #currentView: CurrentView
  readonly #neighbours: Neighbours
  readonly #hooks: BallotHooks
  #promised = 0
  #promisedAtMs = 0
  #highest = 0
  #accepted: PromiseMade['accepted']
  #proposal: Proposal | undefined

  constructor(context: PeerContext, currentView: CurrentView, neighbours: Neighbours, hooks: BallotHooks) {
    this.#context = context
    this.#currentView = currentView
    this.#neighbours = neighbours
    this.#hooks = hooks
  }

  /** This peer has promised itself to a view after the present one. */
  get isPromised(): boolean {
    return this.#promised > 0
  }

  /** How long this peer has been promised to a view that has not come. */
  promisedMs(now: number): number {
    return this.isPromised ? now - this.#promisedAtMs : 0
  }

  /** A view was installed: the next instance is open, and empty. */
  begin(): void {
    this.#promised = 0
    this.#accepted = undefined
    this.#proposal = undefined
  }

  isUnderWay(now: number): boolean {
    return this.#proposal !== undefined && now < this.#proposal.untilMs
  }

  /** What this peer has accepted for the next view, if anything. */
  get accepted(): View | undefined {
    return this.#accepted?.view
  }

  propose(next: View, present: readonly number[] | undefined, now: number): void {
    const round = Math.floor(Math.max(this.#promised, this.#highest) / RANKS) + 1
    const ballot = round * RANKS + this.#context.rank
    const base = this.#currentView.view
    const untilMs = now + RETRY_MS * (1 + this.#context.random())
    const empty = { promises: 0, accepts: 0, put: undefined, best: undefined, quietMs: [], ended: 0 }
    this.#proposal = { ballot, base, next, present, untilMs, ...empty }
    this.#toAll({ type: 'prepare', ballot, base, present })
  }

  receive(rank: number, message: Prepare | PromiseMade | Accept | Accepted): void {
    if (message.ballot > this.#highest) this.#highest = message.ballot
    switch (message.type) {
      case 'prepare':
        return this.#onPrepare(rank, message)
      case 'promise':
        return this.#onPromise(rank, message)
      case 'accept':
        return this.#onAccept(rank, message)
      case 'accepted':
        return this.#onAccepted(rank, message)
    }
  }

  #onPrepare(rank: number, { ballot, base, present }: Prepare): void {
    if (base !== undefined) this.#hooks.decided(base)
    if (!this.#isOpen(base?.cluster ?? 0, base?.number ?? 0)) return this.#catchUp(rank)
    if (present !== undefined && !this.#hooks.agreesOnPresent(present, base)) return
    if (ballot <= this.#promised) return
    if (!this.isPromised) this.#promisedAtMs = this.#context.clock.monotonicMs()
    this.#promised = ballot
    const known = { quietMs: this.#hooks.quietMs(), ended: this.#hooks.ended() }
    this.#reply(rank, { type: 'promise', ballot, ...this.#register(), accepted: this.#accepted, ...known })
  }

  #onPromise(rank: number, { ballot, cluster, number, accepted, quietMs, ended = 0 }: PromiseMade): void {
    const proposal = this.#counted(rank, ballot, cluster, number)
    if (proposal === undefined || proposal.put !== undefined) return
    if (accepted !== undefined && accepted.ballot > (proposal.best?.ballot ?? 0)) proposal.best = accepted
    proposal.promises |= bit(rank)
    proposal.quietMs = quietMs.map((ms, other) => Math.min(ms, proposal.quietMs[other] ?? ms))
    proposal.ended |= ended
    if (!this.#isEnough(proposal, proposal.promises)) return
    proposal.put = proposal.best?.view ?? proposal.next
    this.#toAll({ type: 'accept', ballot, cluster, number, view: proposal.put })
  }

  #onAccept(rank: number, { ballot, cluster, number, view }: Accept): void {
    if (!this.#isOpen(cluster, number)) return this.#catchUp(rank)
    // A voter that missed the `prepare` has not checked which processes are present: it accepts nothing.
    if (ballot !== this.#promised) return
    assert(ballot >= (this.#accepted?.ballot ?? 0), 'a voter accepts rising ballots')
    this.#accepted = { ballot, view }
    this.#reply(rank, { type: 'accepted', ballot, cluster, number })
  }

  #onAccepted(rank: number, { ballot, cluster, number }: Accepted): void {
    const proposal = this.#counted(rank, ballot, cluster, number)
    if (proposal?.put === undefined) return
    proposal.accepts |= bit(rank)
    if (!this.#isEnough(proposal, proposal.accepts)) return
    const { put: view } = proposal
    // A member that has promised itself away holds no lease any more.
    const ended = proposal.ended | (electorateOf(this.#context, view).removing & proposal.promises)
    const quietMs = proposal.quietMs.map((ms, other) => (has(ended, other) ? QUIET_MAX_MS : ms))
    assert(view.cluster !== cluster || view.number > number, 'a view follows the one that it is voted on in')
    this.#proposal = undefined
    this.#context.names.forEach(
      (_, to) => to !== this.#context.rank && this.#context.post(to, { type: 'decided', view, quietMs }),
    )
    this.#hooks.decided(view, quietMs)
  }

  /** The proposal that this vote counts for, if the voter has a vote in it. */
  #counted(rank: number, ballot: number, cluster: number, number: number): Proposal | undefined {
    const proposal = this.#proposal
    if (proposal?.ballot !== ballot || !this.#isOpen(cluster, number)) return undefined
    const { incarnation } = this.#neighbours.of(rank)
    if (proposal.present !== undefined) return proposal.present[rank] === incarnation ? proposal : undefined
    const voter = proposal.base?.members.find((member: ViewMember) => member.rank === rank)
    return hasVote(voter, incarnation) ? proposal : undefined
  }

  /** The names that count are those of the view that the next one follows. */
  #isEnough({ present, base }: Proposal, votes: number): boolean {
    const electorate = electorateOf(this.#context, base)
    if (present === undefined) return count(votes & electorate.counted) >= majorityOf(electorate)
    return present.every((incarnation, rank) => incarnation === 0 || (votes & bit(rank)) !== 0)
  }

  /** Whether this peer votes on the view after that one. */
  #isOpen(cluster: number, number: number): boolean {
    return cluster === this.#currentView.cluster && number === this.#currentView.number
  }

  #register(): { cluster: number; number: number } {
    return { cluster: this.#currentView.cluster, number: this.#currentView.number }
  }

  #catchUp(rank: number): void {
    const { view } = this.#currentView
    if (view !== undefined && rank !== this.#context.rank) this.#context.post(rank, { type: 'decided', view })
  }

  #toAll(message: Prepare | Accept): void {
    this.#context.names.forEach((_, to) => to !== this.#context.rank && this.#context.post(to, message))
    this.receive(this.#context.rank, message)
  }

  #reply(rank: number, message: Message & (PromiseMade | Accepted)): void {
    if (rank === this.#context.rank) this.receive(rank, message)
    else this.#context.post(rank, message)
  }
}
