/**
 * The lease of a view: while a majority has echoed, not longer than LEASE ago, that it is promised to no later view, no
 * later view can have begun to commit without this peer. It counts from when the heartbeat was *sent*, by this peer's own clock,
 * and the later view waits for a lease and the drift of clocks (the guard) from when it *learnt* of the promises: only the
 * rates of two clocks are compared, over a sixth of a second.
 *
 * Some of the guard may be over by then. Whoever promises tells for how long it has echoed nobody of each name, and will not
 * echo any more; every majority that could renew a lease has one of those who promised among it, or the holder itself, who then
 * knows. A process counts from its own start what it can't know of a predecessor of its name, whose echo may be the last.
 *
 * A process that was stopped finds its lease run out when it looks at the clock again, which it does before each answer. What
 * that does not see is a machine frozen together with its monotonic clock: such a one must not go on where it was.
 */
import type { Echo, View } from '../wire/messages.ts'
import type { Neighbours } from './neighbours.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { type CurrentView, hasVote } from './current-view.ts'

/** Longer than any lease lasts is all the same. */
const QUIET_MAX_MS = 1_000

export class Lease {
  readonly #context: PeerContext
  readonly #currentView: CurrentView
  readonly #neighbours: Neighbours
  readonly #echoedAtMs: number[]
  readonly #sentEchoAtMs: number[]
  #installedAtMs = Number.NEGATIVE_INFINITY
  #guardedUntilMs = Number.NEGATIVE_INFINITY

  constructor(context: PeerContext, currentView: CurrentView, neighbours: Neighbours) {
    this.#context = context
    this.#currentView = currentView
    this.#neighbours = neighbours
    this.#echoedAtMs = context.names.map(() => Number.NEGATIVE_INFINITY)
    this.#sentEchoAtMs = context.names.map(() => context.clock.monotonicMs())
  }

  /** A view was installed. `quietMs`: for how long nobody can have renewed a lease of an older one. */
  begin(quietMs: number, now: number): void {
    this.#echoedAtMs.fill(Number.NEGATIVE_INFINITY)
    this.#installedAtMs = now
    const guardMs = Math.max(0, this.#context.timing.guardMs - quietMs)
    this.#guardedUntilMs = Math.max(this.#guardedUntilMs, now + guardMs)
  }

  echoed(rank: number, { cluster, view, atMs }: Echo): void {
    if (cluster !== this.#currentView.cluster || view !== this.#currentView.number) return
    if (!hasVote(this.#currentView.member(rank), this.#neighbours.of(rank).incarnation)) return
    this.#echoedAtMs[rank] = Math.max(this.#echoedAtMs[rank] ?? 0, atMs)
  }

  /** This peer has echoed another. */
  sentEcho(rank: number, now: number): void {
    this.#sentEchoAtMs[rank] = now
  }

  /** By rank, for how long this peer has echoed nobody of that name. */
  msSinceEchoes(now: number): number[] {
    return this.#sentEchoAtMs.map((atMs) => Math.min(now - atMs, QUIET_MAX_MS))
  }

  /** `promised`: this peer itself has promised itself to a later view. */
  isHeld(promised: boolean, now: number): boolean {
    const { majority, timing } = this.#context
    if (this.#currentView.self === undefined || promised) return false
    const sinceMs = now - timing.leaseMs
    let echoes = 1
    for (const atMs of this.#echoedAtMs) if (atMs > sinceMs) echoes++
    return echoes >= majority
  }

  mayCommit(promised: boolean, now: number): boolean {
    return now >= this.#guardedUntilMs && this.isHeld(promised, now)
  }

  /** For how long the lease is missing, at least since the view was installed. */
  missedMs(now: number): number {
    const { majority } = this.#context
    const latest = [...this.#echoedAtMs].sort((left, right) => right - left)[majority - 2] ?? now
    return now - Math.max(latest, this.#installedAtMs)
  }
}

/** For how long no member that was full and is not any more can have renewed its lease: for ever when there is none. */
export function msSinceEcho(former: View | undefined, view: View, quietMs: readonly number[] = []): number {
  if (former?.cluster !== view.cluster || former.number + 1 !== view.number) return 0
  const dropped = former.members.filter(({ rank, incarnation, role }) => {
    const isFull = (member: View['members'][number]): boolean =>
      member.rank === rank && member.incarnation === incarnation && member.role === 'full'
    return role === 'full' && !view.members.some(isFull)
  })
  return Math.min(...dropped.map(({ rank }) => quietMs[rank] ?? 0))
}
