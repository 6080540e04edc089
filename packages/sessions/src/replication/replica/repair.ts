/**
 * Full members compare digests every `repairMs`, and fetch the buckets that differ, some of them at a time. That repairs touches that
 * were lost. After the last change, link or view each compares once with every other, and rests once all that differed was fetched.
 * Every other difference is a defect: it is repaired, counted and reported.
 */
import type { Changes } from './changes.ts'
import type { Entries } from './entries.ts'
import type { Digests, Page } from '../wire/messages.ts'
import { bit, has, ranksOf } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'
import type { CurrentView } from '../membership/current-view.ts'

export interface RepairParts {
  readonly currentView: CurrentView
  readonly entries: Entries
  readonly changes: Changes
}

const BUCKETS_PER_ROUND_MAX = 8

/** What one comparison found different and has not fetched yet. */
interface Differing {
  readonly view: number
  readonly buckets: readonly number[]
}

export class Repair {
  readonly #context: PeerContext
  readonly #parts: RepairParts
  #comparedAtMs: number
  #partner = 0
  #comparedRevision = -1
  #roundsLeft = 0
  /** The bucket to begin with: it moves on, so that buckets that always differ don't keep others waiting. */
  #first = 0
  /** By rank, of the last comparison with it. */
  readonly #differing = new Map<number, Differing>()
  #fetchedAtMs = Number.NEGATIVE_INFINITY
  #repaired = 0

  constructor(context: PeerContext, parts: RepairParts) {
    this.#context = context
    this.#parts = parts
    this.#comparedAtMs = context.clock.monotonicMs()
  }

  /** Records found different in more than a touch. */
  get repaired(): number {
    return this.#repaired
  }

  tick(now: number): void {
    const { currentView, entries } = this.#parts
    if (currentView.role !== 'full') return
    this.#fetchRest(now)
    const partners = ranksOf(currentView.full & ~bit(this.#context.rank))
    if (entries.revision !== this.#comparedRevision) this.#roundsLeft = partners.length
    this.#comparedRevision = entries.revision
    if (this.#roundsLeft === 0) return
    if (now - this.#comparedAtMs < this.#context.timing.repairMs)
      return this.#context.due(this.#comparedAtMs + this.#context.timing.repairMs)
    this.#comparedAtMs = now
    if (--this.#roundsLeft > 0) this.#context.due(now + this.#context.timing.repairMs)
    const to = partners[this.#partner++ % Math.max(partners.length, 1)]
    if (to === undefined) return
    this.#context.post(to, { type: 'digests', view: currentView.number, digests: entries.digests() })
  }

  /** A link or a view is new: what was on its way may be lost. */
  again(now: number): void {
    this.#comparedRevision = -1
    this.#context.due(now + this.#context.timing.repairMs)
  }

  compare(rank: number, { view, digests }: Digests): void {
    const { currentView, entries } = this.#parts
    if (
      currentView.role !== 'full' ||
      view !== currentView.number ||
      digests.length !== this.#context.placement.buckets
    )
      return
    const buckets: number[] = []
    for (let step = 0; step < digests.length; step++) {
      const bucket = (this.#first + step) % digests.length
      const replicas = this.#context.placement.replicas(bucket)
      if (has(replicas, rank) && has(replicas, this.#context.rank) && digests[bucket] !== entries.digest(bucket))
        buckets.push(bucket)
    }
    this.#fetch(rank, { view, buckets }, this.#context.clock.monotonicMs())
  }

  /** Of the first comparison that has any left. After a change of the view all compare again. */
  #fetchRest(now: number): void {
    const isDue = now - this.#fetchedAtMs >= this.#context.timing.repairMs
    for (const [rank, differing] of this.#differing) {
      if (differing.view !== this.#parts.currentView.number) this.#differing.delete(rank)
      else if (isDue) return this.#fetch(rank, differing, now)
      else return this.#context.due(this.#fetchedAtMs + this.#context.timing.repairMs)
    }
  }

  /** A bucket that is alike by now is answered by an empty page. */
  #fetch(rank: number, { view, buckets }: Differing, now: number): void {
    const rest = buckets.slice(BUCKETS_PER_ROUND_MAX)
    this.#differing.delete(rank)
    if (rest.length > 0) {
      this.#differing.set(rank, { view, buckets: rest })
      this.#context.due(now + this.#context.timing.repairMs)
    }
    this.#first = rest[0] ?? this.#first
    if (buckets.length > 0) this.#fetchedAtMs = now
    for (const bucket of buckets.slice(0, BUCKETS_PER_ROUND_MAX)) {
      const digest = this.#parts.entries.digest(bucket)
      this.#context.post(rank, { type: 'fetch', view, bucket, digest, after: '' })
    }
  }

  /** A page of a bucket that differed. Pending changes are left to their coordinators. */
  receive(rank: number, { view, bucket, held, more }: Page): void {
    const { currentView, changes } = this.#parts
    if (currentView.role !== 'full' || view !== currentView.number) return
    const wallMs = this.#context.clock.wallMs()
    let records = 0
    for (const each of held) if (each.isCommitted && each.change.untilMs > wallMs && changes.learn(each)) records++
    if (records > 0) {
      this.#repaired += records
      this.#context.emit({ event: 'repaired', records })
    }
    const last = held.at(-1)
    if (!more || last === undefined) return
    this.#context.post(rank, { type: 'fetch', view, bucket, digest: undefined, after: last.change.key })
  }
}
