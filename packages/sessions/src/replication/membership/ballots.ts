/**
 * How a view is decided: one register for each view, filled by a ballot (single-decree Paxos), and only the one after a
 * decided view is ever open. Who votes is said by the decided view: the processes that it lists, a majority of the *names*
 * of them. A process that lost its memory is another one, so it has no vote until a view that lists it is decided, and what
 * its predecessor promised can't be broken by it. Rejected: letting it vote after asking around, which needs every voter to
 * know who has restarted since, and gets that wrong in ways that only show with five peers.
 *
 * When so many restarted that the listed ones make no majority any more, `present` ballots go on: *every* name has to
 * agree, by the very process that is linked to everyone else, so no process that could have voted otherwise is left. The
 * first view of all is decided the same way.
 */
import assert from 'node:assert'
import type { Accept, Accepted, ViewMember, Message, Prepare, PromiseMade, View } from '../wire/messages.ts'
import type { Neighbours } from './neighbours.ts'
import { bit, count } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { type CurrentView, hasVote } from './current-view.ts'

interface Proposal {
  readonly ballot: number
  readonly base: View | undefined
  readonly next: View
  readonly present: readonly number[] | undefined
  readonly untilMs: number
  promises: number
  accepts: number
  /** What is put to the vote: another's proposal, if some peer has accepted one. */
  put: View | undefined
  best: PromiseMade['accepted']
  /** By rank, for how long none of those who promised has echoed it. */
  quietMs: readonly number[]
}

export interface BallotHooks {
  /** A decided view, which may be older than the present one, or another's. */
  readonly decided: (view: View, quietMs?: readonly number[]) => void
  /** Whether this peer may take part in an agreement of just these processes. */
  readonly agreesOnPresent: (present: readonly number[], base: View | undefined) => boolean
  /** By rank, how long ago this peer has echoed that one. */
  readonly quietMs: () => readonly number[]
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

  /** For how long this peer has waited for a view that it is promised to. */
  promisedMs(now: number): number {
    return this.isPromised ? now - this.#promisedAtMs : 0
  }

  /** A view was installed: the register after it is empty. */
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
    const nobody = { promises: 0, accepts: 0, put: undefined, best: undefined, quietMs: [] }
    this.#proposal = { ballot, base, next, present, untilMs, ...nobody }
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
    const quietMs = this.#hooks.quietMs()
    this.#reply(rank, { type: 'promise', ballot, ...this.#register(), accepted: this.#accepted, quietMs })
  }

  #onPromise(rank: number, { ballot, cluster, number, accepted, quietMs }: PromiseMade): void {
    const proposal = this.#counted(rank, ballot, cluster, number)
    if (proposal === undefined || proposal.put !== undefined) return
    if (accepted !== undefined && accepted.ballot > (proposal.best?.ballot ?? 0)) proposal.best = accepted
    proposal.promises |= bit(rank)
    proposal.quietMs = quietMs.map((ms, other) => Math.min(ms, proposal.quietMs[other] ?? ms))
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
    const { put: view, quietMs } = proposal
    assert(view.cluster !== cluster || view.number > number, 'a view follows the one that it is voted on in')
    this.#proposal = undefined
    this.#context.names.forEach(
      (_, to) => to !== this.#context.rank && this.#context.post(to, { type: 'decided', view, quietMs }),
    )
    this.#hooks.decided(view, quietMs)
  }

  /** The proposal that this vote is for, if the voter has a vote in it. */
  #counted(rank: number, ballot: number, cluster: number, number: number): Proposal | undefined {
    const proposal = this.#proposal
    if (proposal?.ballot !== ballot || !this.#isOpen(cluster, number)) return undefined
    const { incarnation } = this.#neighbours.of(rank)
    if (proposal.present !== undefined) return proposal.present[rank] === incarnation ? proposal : undefined
    const voter = proposal.base?.members.find((member: ViewMember) => member.rank === rank)
    return hasVote(voter, incarnation) ? proposal : undefined
  }

  #isEnough({ present }: Proposal, votes: number): boolean {
    if (present === undefined) return count(votes) >= this.#context.majority
    return present.every((incarnation, rank) => incarnation === 0 || (votes & bit(rank)) !== 0)
  }

  /** The register after that view is the one that this peer votes on. */
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
