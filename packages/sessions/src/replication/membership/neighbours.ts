/**
 * What this peer sees of the others by itself: links, when each was heard last, and what their beats say. It is the ground
 * of suspicion, which may be wrong at any time: to drop a live peer costs it its place, and nobody a promise.
 */
import type { Beat, Member } from '../wire/messages.ts'
import { bit, count, has } from '../wire/ranks.ts'
import type { Site } from '../context/peer-context.ts'

export interface Neighbour {
  /** 0 while there is no link. */
  incarnation: number
  unlinkedAtMs: number
  heardAtMs: number
  /** Since when it says that it does not hear us. */
  deafSinceMs: number
  cluster: number
  view: number
  hears: number
  ready: boolean
}

export class Neighbours {
  readonly #site: Site
  readonly #all: Neighbour[]
  #tickedAtMs: number
  #patientUntilMs = Number.NEGATIVE_INFINITY

  constructor(site: Site) {
    this.#site = site
    this.#tickedAtMs = site.clock.monotonicMs()
    this.#all = site.names.map(() => ({ ...silent, unlinkedAtMs: this.#tickedAtMs, heardAtMs: this.#tickedAtMs }))
    this.of(site.rank).incarnation = site.incarnation
  }

  of(rank: number): Neighbour {
    return this.#all[rank] as Neighbour
  }

  linked(rank: number, incarnation: number, now: number): void {
    Object.assign(this.of(rank), silent, { incarnation, heardAtMs: now })
  }

  unlinked(rank: number, now: number): void {
    const neighbour = this.of(rank)
    if (neighbour.incarnation !== 0) Object.assign(neighbour, { incarnation: 0, unlinkedAtMs: now })
  }

  beat(rank: number, { cluster, view, hears, ready }: Beat, now: number): void {
    const neighbour = this.of(rank)
    Object.assign(neighbour, { cluster, view, hears, ready })
    neighbour.deafSinceMs = has(hears, this.#site.rank) ? Infinity : Math.min(neighbour.deafSinceMs, now)
  }

  /** Notices when this process was stopped: then it has not listened, which is no fault of theirs. */
  tick(now: number): void {
    const { beatMs, patienceMs } = this.#site.timing
    if (now - this.#tickedAtMs > 2 * beatMs) this.#patientUntilMs = now + patienceMs
    this.#tickedAtMs = now
  }

  isLinked(rank: number): boolean {
    return this.of(rank).incarnation !== 0
  }

  hears(rank: number, now: number): boolean {
    if (rank === this.#site.rank) return true
    const { incarnation, heardAtMs } = this.of(rank)
    return incarnation !== 0 && now - heardAtMs < this.#site.timing.suspectMs
  }

  /** Whom this peer hears, itself included, as a set. */
  heard(now: number): number {
    return this.#all.reduce((set, _, rank) => (this.hears(rank, now) ? set | bit(rank) : set), 0)
  }

  /** Takes the member for dead, or as good as dead to this peer. */
  suspects(member: Member, now: number): boolean {
    const { rank, rules, timing } = this.#site
    if (member.rank === rank) return false
    const { incarnation, unlinkedAtMs, heardAtMs, deafSinceMs } = this.of(member.rank)
    if (incarnation !== 0 && !rules.isSame(member, incarnation)) return true
    if (now < this.#patientUntilMs) return false
    if (incarnation === 0) return now - unlinkedAtMs >= timing.relinkMs
    return now - heardAtMs >= timing.suspectMs || now - deafSinceMs >= timing.suspectMs
  }

  /** That very process is linked, or is this one. */
  isThere(member: Member | undefined): boolean {
    return member !== undefined && this.of(member.rank).incarnation === member.incarnation
  }

  /** Of these members, how many may vote and are there. */
  voters(members: readonly Member[]): number {
    return count(members.reduce((set, member) => (this.isThere(member) ? set | bit(member.rank) : set), 0))
  }
}

const silent: Neighbour = {
  incarnation: 0,
  unlinkedAtMs: 0,
  heardAtMs: 0,
  deafSinceMs: Infinity,
  cluster: 0,
  view: 0,
  hears: 0,
  ready: false,
}
