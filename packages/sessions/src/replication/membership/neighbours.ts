/**
 * What this peer sees of the others itself: links, when it last heard each, and what their heartbeats say. Suspicion rests on
 * it and may be wrong: a live peer that is dropped loses its place in the view, and no acknowledged change is lost.
 */
import type { Heartbeat, ViewMember } from '../wire/messages.ts'
import { bit, count, has } from '../wire/ranks.ts'
import type { LinkedPeer } from '../context/linked-peer.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { isProcess } from './current-view.ts'

export interface Neighbour {
  /** 0 while there is no link. */
  incarnation: number
  /** Of the protocol, on this link. */
  version: number
  unlinkedAtMs: number
  heardAtMs: number
  /** Since when its heartbeats say that it does not hear this peer. */
  deafSinceMs: number
  cluster: number
  view: number
  hears: number
  ready: boolean
}

export class Neighbours {
  readonly #context: PeerContext
  readonly #all: Neighbour[]
  /** By rank, the incarnation that has ended last. */
  readonly #ended: number[]
  #tickedAtMs: number
  /** Since when this peer expects to be answered; Infinity while it is quiet. */
  #listensSinceMs = Infinity
  #patientUntilMs = Number.NEGATIVE_INFINITY

  constructor(context: PeerContext) {
    this.#context = context
    this.#tickedAtMs = context.clock.monotonicMs()
    this.#all = context.names.map(() => ({ ...silent, unlinkedAtMs: this.#tickedAtMs, heardAtMs: this.#tickedAtMs }))
    this.of(context.rank).incarnation = context.incarnation
    this.#ended = context.names.map(() => 0)
  }

  of(rank: number): Neighbour {
    return this.#all[rank] as Neighbour
  }

  linked(rank: number, { incarnation, version }: LinkedPeer, now: number): void {
    Object.assign(this.of(rank), silent, { incarnation, version, heardAtMs: now })
  }

  unlinked(rank: number, now: number): void {
    const neighbour = this.of(rank)
    if (neighbour.incarnation !== 0) Object.assign(neighbour, { incarnation: 0, unlinkedAtMs: now })
  }

  /** The operating system says that this process is gone. Unlike a suspicion, it is never wrong. */
  ended(rank: number, incarnation: number): void {
    this.#ended[rank] = incarnation
  }

  /** Whether the member is known to be gone, and so holds no lease. */
  hasEnded({ rank, incarnation }: ViewMember): boolean {
    return this.#ended[rank] === incarnation
  }

  heartbeat(rank: number, { cluster, view, hears, ready }: Heartbeat, now: number): void {
    const neighbour = this.of(rank)
    Object.assign(neighbour, { cluster, view, hears, ready })
    neighbour.deafSinceMs = has(hears, this.#context.rank) ? Infinity : Math.min(neighbour.deafSinceMs, now)
  }

  /** It answers every heartbeat, so it hears this peer. */
  echoed(rank: number): void {
    this.of(rank).deafSinceMs = Infinity
  }

  /** From now on each peer with a link is to be heard. */
  listen(now: number): void {
    this.#listensSinceMs = now
    this.#tickedAtMs = now
  }

  /** From now on silence says nothing. */
  rest(): void {
    this.#listensSinceMs = Infinity
  }

  /** Notices a pause of this process: silence during a pause is no reason for suspicion. */
  tick(now: number): void {
    const { heartbeatMs, patienceMs, suspectMs } = this.#context.timing
    if (now - this.#tickedAtMs > 2 * heartbeatMs) this.#patientUntilMs = now + patienceMs
    this.#tickedAtMs = now
    for (const [rank, { incarnation, heardAtMs }] of this.#all.entries()) {
      if (incarnation === 0 || rank === this.#context.rank) continue
      const suspectAtMs = Math.max(heardAtMs, this.#listensSinceMs) + suspectMs
      if (suspectAtMs > now) this.#context.due(suspectAtMs)
    }
  }

  isLinked(rank: number): boolean {
    return this.of(rank).incarnation !== 0
  }

  hears(rank: number, now: number): boolean {
    if (rank === this.#context.rank) return true
    return this.isLinked(rank) && this.#silentMs(rank, now) < this.#context.timing.suspectMs
  }

  /** The set of ranks that this peer hears, its own included. */
  heard(now: number): number {
    return this.#all.reduce((set, _, rank) => (this.hears(rank, now) ? set | bit(rank) : set), 0)
  }

  /** Whether this peer takes the member for dead. */
  suspects(member: ViewMember, now: number): boolean {
    const { rank, timing } = this.#context
    if (member.rank === rank) return false
    const { incarnation, unlinkedAtMs, deafSinceMs } = this.of(member.rank)
    if (incarnation !== 0 && !isProcess(member, incarnation)) return true
    // What it sent before it ended arrives before the end of its link.
    if (incarnation === 0 && this.hasEnded(member)) return true
    if (now < this.#patientUntilMs) return false
    if (incarnation === 0) return now - unlinkedAtMs >= timing.relinkMs
    return this.#silentMs(member.rank, now) >= timing.suspectMs || now - deafSinceMs >= timing.suspectMs
  }

  /** That process is linked, or is this one. */
  isPresent(member: ViewMember | undefined): boolean {
    return member !== undefined && this.of(member.rank).incarnation === member.incarnation
  }

  /** For how long it has not been heard, while it was expected to answer. */
  #silentMs(rank: number, now: number): number {
    return now - Math.max(this.of(rank).heardAtMs, this.#listensSinceMs)
  }

  /** How many of these members are present, and therefore may vote. */
  voters(members: readonly ViewMember[]): number {
    return count(members.reduce((set, member) => (this.isPresent(member) ? set | bit(member.rank) : set), 0))
  }
}

const silent: Neighbour = {
  incarnation: 0,
  version: 0,
  unlinkedAtMs: 0,
  heardAtMs: 0,
  deafSinceMs: Infinity,
  cluster: 0,
  view: 0,
  hears: 0,
  ready: false,
}
