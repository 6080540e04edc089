/** The view that a peer is in, as what it asks of it all the time: who is alive, who is full, what it is itself. */
import type { ViewMember, View } from '../wire/messages.ts'
import { bit } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'

export class CurrentView {
  readonly #context: PeerContext
  #view: View | undefined
  #byRank: readonly (ViewMember | undefined)[] = []
  #full = 0
  #live = 0

  constructor(context: PeerContext) {
    this.#context = context
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

  get full(): number {
    return this.#full
  }

  /** Those who take changes: full or joining. */
  get live(): number {
    return this.#live
  }

  member(rank: number): ViewMember | undefined {
    return this.#byRank[rank]
  }

  /** This very process, in the view. Undefined when it is not known there. */
  get self(): ViewMember | undefined {
    const member = this.#byRank[this.#context.rank]
    return member !== undefined && this.#context.rules.isSame(member, this.#context.incarnation) ? member : undefined
  }

  get role(): 'full' | 'joining' | 'out' | 'none' {
    return this.self?.role ?? 'none'
  }

  install(view: View): void {
    this.#view = view
    this.#byRank = byRank(this.#context.names, view)
    this.#full = setOf(view.members.filter(({ role }) => role === 'full'))
    this.#live = setOf(view.members.filter(({ role }) => role !== 'out'))
  }
}

export function byRank(names: readonly string[], { members }: View): (ViewMember | undefined)[] {
  const ranks: (ViewMember | undefined)[] = names.map(() => undefined)
  for (const member of members) ranks[member.rank] = member
  return ranks
}

export function setOf(members: readonly ViewMember[]): number {
  return members.reduce((set, { rank }) => set | bit(rank), 0)
}

/** Whether a member goes on with the memory that it has. One that joins has to have seen every view since it began. */
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
