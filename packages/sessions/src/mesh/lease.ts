/**
 * The lease of a view: while a majority has echoed, not longer than LEASE ago, that it is promised to no later view, no
 * later view can have begun to commit without this peer. It counts from when the beat was *sent*, by this peer's own clock,
 * and the later view waits for a lease and the drift of clocks (the guard) from when it *learnt* of the promises: only the
 * rates of two clocks are compared, over a sixth of a second. A process that was stopped finds its lease run out when it
 * looks at the clock again, which it does before each answer. What that does not see is a machine frozen together with its
 * monotonic clock: such a one must not go on where it was.
 */
import type { Echo, View } from './messages.ts'
import type { Neighbours } from './neighbours.ts'
import type { Site } from './site.ts'
import type { Standing } from './standing.ts'

export class Lease {
  readonly #site: Site
  readonly #standing: Standing
  readonly #neighbours: Neighbours
  readonly #echoedAtMs: number[]
  #installedAtMs = Number.NEGATIVE_INFINITY
  #guardedUntilMs = Number.NEGATIVE_INFINITY

  constructor(site: Site, standing: Standing, neighbours: Neighbours) {
    this.#site = site
    this.#standing = standing
    this.#neighbours = neighbours
    this.#echoedAtMs = site.names.map(() => Number.NEGATIVE_INFINITY)
  }

  /** A view was installed; in `guarded` ones somebody may hold a lease of an older one. */
  begin(guarded: boolean, now: number): void {
    this.#echoedAtMs.fill(Number.NEGATIVE_INFINITY)
    this.#installedAtMs = now
    if (guarded) this.#guardedUntilMs = now + this.#site.rules.guard(this.#site.timing.guardMs)
  }

  echoed(rank: number, { cluster, view, atMs }: Echo): void {
    if (cluster !== this.#standing.cluster || view !== this.#standing.number) return
    if (!this.#site.rules.mayVote(this.#standing.member(rank), this.#neighbours.of(rank).incarnation)) return
    this.#echoedAtMs[rank] = Math.max(this.#echoedAtMs[rank] ?? 0, atMs)
  }

  /** `promised`: this peer itself has promised itself to a later view. */
  isHeld(promised: boolean, now: number): boolean {
    const { majority, timing } = this.#site
    if (this.#standing.self === undefined || promised) return false
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
    const { majority } = this.#site
    const latest = [...this.#echoedAtMs].sort((left, right) => right - left)[majority - 2] ?? now
    return now - Math.max(latest, this.#installedAtMs)
  }
}

/** Somebody who was full may still believe it, and read. */
export function isGuarded(former: View | undefined, view: View): boolean {
  if (former?.cluster !== view.cluster || former.number + 1 !== view.number) return true
  return former.members.some(({ rank, incarnation, role }) => {
    const isFull = (member: View['members'][number]): boolean =>
      member.rank === rank && member.incarnation === incarnation && member.role === 'full'
    return role === 'full' && !view.members.some(isFull)
  })
}
