/** The view that a peer is in, as what it asks of it all the time: who is alive, who is full, what it is itself. */
import type { Member, View } from '../wire/messages.ts'
import { bit } from '../wire/ranks.ts'
import type { Site } from '../context/peer-context.ts'

export class Standing {
  readonly #site: Site
  #view: View | undefined
  #byRank: readonly (Member | undefined)[] = []
  #full = 0
  #live = 0

  constructor(site: Site) {
    this.#site = site
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

  member(rank: number): Member | undefined {
    return this.#byRank[rank]
  }

  /** This very process, in the view. Undefined when it is not known there. */
  get self(): Member | undefined {
    const member = this.#byRank[this.#site.rank]
    return member !== undefined && this.#site.rules.isSame(member, this.#site.incarnation) ? member : undefined
  }

  get role(): 'full' | 'joining' | 'out' | 'none' {
    return this.self?.role ?? 'none'
  }

  install(view: View): void {
    this.#view = view
    this.#byRank = byRank(this.#site.names, view)
    this.#full = setOf(view.members.filter(({ role }) => role === 'full'))
    this.#live = setOf(view.members.filter(({ role }) => role !== 'out'))
  }
}

export function byRank(names: readonly string[], { members }: View): (Member | undefined)[] {
  const ranks: (Member | undefined)[] = names.map(() => undefined)
  for (const member of members) ranks[member.rank] = member
  return ranks
}

export function setOf(members: readonly Member[]): number {
  return members.reduce((set, { rank }) => set | bit(rank), 0)
}

/** Whether a member goes on with the memory that it has. One that joins has to have seen every view since it began. */
export function isContinued(
  former: View | undefined,
  self: Member | undefined,
  view: View,
  next: Member | undefined,
): boolean {
  if (former?.cluster !== view.cluster) return false
  if (next?.role === 'joining') return self?.since === next.since && former.number + 1 === view.number
  return next?.role === 'full'
}
