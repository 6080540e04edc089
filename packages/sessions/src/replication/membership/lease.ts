/**
 * The lease of a view: while a majority has echoed, at most `leaseMs` ago, that it is promised to no later view, no later view
 * can have committed anything without this peer. The lease counts from when the heartbeat was *sent*, by this peer's clock.
 * The later view waits for the guard from when it *learnt* of the promises. So only the rates of two clocks are compared,
 * over a sixth of a second.
 *
 * An acknowledgement of a change is an echo as well, of when the change was first sent in this view.
 *
 * Part of the guard may be over by then. A voter that promises says how long ago it last echoed each rank, and it echoes no
 * more. Every majority that could renew a lease contains a voter that promised, or is the holder's own, and the holder knows.
 * A process counts from its own start what a former process of its name may have echoed.
 *
 * A process that has provably ended holds no lease: there is no guard for it.
 *
 * A process that was stopped finds its lease run out when it reads the clock again, which it does before each answer. That
 * does not hold for a machine that is frozen together with its monotonic clock: it must not be resumed.
 */
import type { Echo, View, ViewMember } from '../wire/messages.ts'
import { bit, count, has } from '../wire/ranks.ts'
import type { Neighbours } from './neighbours.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { type CurrentView, hasVote } from './current-view.ts'

/** Longer than any lease: a larger value would say no more. */
export const QUIET_MAX_MS = 1_000

/** A full member that a view has dropped. Until its lease is over, nothing is committed. */
interface Guard {
  readonly dropped: ViewMember
  readonly untilMs: number
}

export class Lease {
  readonly #context: PeerContext
  readonly #currentView: CurrentView
  readonly #neighbours: Neighbours
  readonly #echoedAtMs: number[]
  readonly #sentEchoAtMs: number[]
  /** Since when this peer tries to hold the lease of its view. */
  #soughtSinceMs = Number.NEGATIVE_INFINITY
  #guards: Guard[] = []
  /** Of members that this peer does not know, because it has missed views. */
  #guardedUntilMs = Number.NEGATIVE_INFINITY

  constructor(context: PeerContext, currentView: CurrentView, neighbours: Neighbours) {
    this.#context = context
    this.#currentView = currentView
    this.#neighbours = neighbours
    this.#echoedAtMs = context.names.map(() => Number.NEGATIVE_INFINITY)
    this.#sentEchoAtMs = context.names.map(() => context.clock.monotonicMs())
  }

  /** A view was installed. `quietMs`, by rank: for how long no lease can have been renewed. */
  begin(former: View | undefined, view: View, quietMs: readonly number[], now: number): void {
    this.#echoedAtMs.fill(Number.NEGATIVE_INFINITY)
    this.#soughtSinceMs = now
    this.#guards = this.#guards.filter(({ untilMs }) => untilMs > now)
    const { guardMs } = this.#context.timing
    const dropped = droppedBy(former, view)
    if (dropped === undefined) this.#guardedUntilMs = now + guardMs
    for (const member of dropped ?? [])
      this.#guards.push({ dropped: member, untilMs: now + guardMs - (quietMs[member.rank] ?? 0) })
  }

  echoed(rank: number, { cluster, view, atMs }: Pick<Echo, 'cluster' | 'view' | 'atMs'>): void {
    if (cluster !== this.#currentView.cluster || view !== this.#currentView.number) return
    if (!hasVote(this.#currentView.member(rank), this.#neighbours.of(rank).incarnation)) return
    this.#echoedAtMs[rank] = Math.max(this.#echoedAtMs[rank] ?? 0, atMs)
  }

  /** This peer has woken. */
  seek(now: number): void {
    this.#soughtSinceMs = now
  }

  /** When the last message left that the voter echoed. */
  renewedAtMs(rank: number): number {
    return this.#echoedAtMs[rank] ?? Number.NEGATIVE_INFINITY
  }

  /** This peer has echoed a heartbeat of that rank, or acknowledged a change. */
  sentEcho(rank: number, now: number): void {
    this.#sentEchoAtMs[rank] = now
  }

  /** By rank, how long ago this peer last echoed it. */
  msSinceEchoes(now: number): number[] {
    return this.#sentEchoAtMs.map((atMs) => Math.min(now - atMs, QUIET_MAX_MS))
  }

  /** `promised`: this peer is promised to a later view. */
  isHeld(promised: boolean, now: number): boolean {
    const { rank, timing } = this.#context
    const { electorate, majority, self } = this.#currentView
    if (self === undefined || promised) return false
    const sinceMs = now - timing.leaseMs
    let echoed = bit(rank)
    for (let other = 0; other < this.#echoedAtMs.length; other++) {
      if ((this.#echoedAtMs[other] as number) > sinceMs) echoed |= bit(other)
    }
    return count(echoed & electorate.counted) >= majority
  }

  mayCommit(promised: boolean, now: number): boolean {
    return !this.#isGuarded(now) && this.isHeld(promised, now)
  }

  #isGuarded(now: number): boolean {
    if (now < this.#guardedUntilMs) return true
    return this.#guards.some(({ dropped, untilMs }) => now < untilMs && !this.#neighbours.hasEnded(dropped))
  }

  /** How long the lease has been missing, since it was first sought in this view. */
  missedMs(now: number): number {
    const { electorate, majority } = this.#currentView
    const counted = this.#echoedAtMs.filter((_, rank) => has(electorate.counted, rank))
    const latest = counted.sort((left, right) => right - left)[majority - 2] ?? now
    return now - Math.max(latest, this.#soughtSinceMs)
  }
}

/** The full members that a view drops; undefined where views between the two are unknown. */
function droppedBy(former: View | undefined, view: View): ViewMember[] | undefined {
  if (former?.cluster !== view.cluster || former.number + 1 !== view.number) return undefined
  return former.members.filter(({ rank, incarnation, role }) => {
    const isFull = (member: View['members'][number]): boolean =>
      member.rank === rank && member.incarnation === incarnation && member.role === 'full'
    return role === 'full' && !view.members.some(isFull)
  })
}
