/** The decided view that a peer is in: which ranks are live or full, and what this peer is itself. */
import assert from 'node:assert'
import type { Electorate, ViewMember, View } from '../wire/messages.ts'
import { bit } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { electorateOf, majorityOf } from './electorate.ts'

export class CurrentView {
  readonly #context: PeerContext
  #view: View | undefined
  #byRank: readonly (ViewMember | undefined)[] = []
  #full = 0
  #live = 0
  #electorate: Electorate
  #majority: number

  constructor(context: PeerContext) {
    this.#context = context
    this.#electorate = electorateOf(context, undefined)
    this.#majority = majorityOf(this.#electorate)
  }

  get view(): View | undefined {
    return this.#view
  }

  /** 0 when there is none. */
  get cluster(): number {
    return this.#view?.cluster ?? 0
  }

  get number(): number {
    return this.#view?.number ?? 0
  }

  get electorate(): Electorate {
    return this.#electorate
  }

  /** The smallest number of names that count that is more than half. */
  get majority(): number {
    return this.#majority
  }

  get full(): number {
    return this.#full
  }

  /** The ranks that receive changes: full or joining. */
  get live(): number {
    return this.#live
  }

  member(rank: number): ViewMember | undefined {
    return this.#byRank[rank]
  }

  /** This process as the view lists it; undefined when the view lists another incarnation, or none. */
  get self(): ViewMember | undefined {
    const member = this.#byRank[this.#context.rank]
    return isProcess(member, this.#context.incarnation) ? member : undefined
  }

  get role(): 'full' | 'joining' | 'out' | 'none' {
    return this.self?.role ?? 'none'
  }

  install(view: View): void {
    assert(view.cluster !== this.cluster || view.number > this.number, 'the numbers of installed views rise')
    this.#view = view
    this.#electorate = electorateOf(this.#context, view)
    this.#majority = majorityOf(this.#electorate)
    this.#byRank = byRank(this.#context.names, view)
    this.#full = setOf(view.members.filter(({ role }) => role === 'full'))
    this.#live = setOf(view.members.filter(({ role }) => role !== 'out'))
  }
}

/** Whether a process is this member: a restarted one has the name and the rank, and another incarnation. */
export function isProcess(member: ViewMember | undefined, incarnation: number): boolean {
  return member?.incarnation === incarnation
}

/** Whether a process may vote: the decided view lists it, so it still has the promises that it made. */
export function hasVote(voter: ViewMember | undefined, incarnation: number): boolean {
  return voter?.incarnation === incarnation
}

export function byRank(names: readonly string[], { members }: View): (ViewMember | undefined)[] {
  const ranks: (ViewMember | undefined)[] = names.map(() => undefined)
  for (const member of members) ranks[member.rank] = member
  return ranks
}

export function setOf(members: readonly ViewMember[]): number {
  return members.reduce((set, { rank }) => set | bit(rank), 0)
}

/** Whether a member keeps its memory in the next view. A joining one must have seen every view since it began to fetch. */
export function isContinued(
  former: View | undefined,
  self: ViewMember | undefined,
  view: View,
  next: ViewMember | undefined,
): boolean {
  if (former?.cluster !== view.cluster) return false
  if (next?.role === 'joining') return self?.since === next.since && former.number + 1 === view.number
  return next?.role === 'full'
}
