/**
 * How a joining peer gets what it lacks. From the view that lists it on it receives every new change, and each full member has
 * everything that was committed before. So the pages of a full member of the *present* view complete a bucket, in whatever order
 * pages and changes arrive: the later stamp stays.
 *
 * A joining peer first drops what it held before. It could keep what digests agree on, but a digest is no proof. The same
 * pages repair what digests find different between full members (see repair.ts).
 */
import type { ReplicatedChange, Fetch, HeldChange, Page } from '../wire/messages.ts'
import type { Changes } from './changes.ts'
import type { Entries } from './entries.ts'
import type { Neighbours } from '../membership/neighbours.ts'
import { bit, has, ranksOf } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'
import type { CurrentView } from '../membership/current-view.ts'

export interface FetchParts {
  readonly currentView: CurrentView
  readonly neighbours: Neighbours
  readonly entries: Entries
  readonly changes: Changes
}

interface Asked {
  readonly rank: number
  readonly view: number
  readonly after: string
  readonly atMs: number
}

/** Fetches at once, to begin with; then as many as pages of the last one's size leave room for. */
const FETCHES_FIRST = 8
const FETCHES_MAX = 128
const CHARACTERS_AT_ONCE = 512 * 1_024
/** Of a record besides its body. */
const RECORD_CHARACTERS = 64
const PAGE_RECORDS = 500
const PAGE_CHARACTERS = 128 * 1_024
const PATIENCE_MS = 250

export class Fetching {
  readonly #context: PeerContext
  readonly #parts: FetchParts
  /** Buckets not fetched yet, each with the key that it is fetched up to. */
  readonly #wanted = new Map<number, string>()
  readonly #asked = new Map<number, Asked>()
  #atOnce = FETCHES_FIRST
  /** By rank, when a page came from there. */
  readonly #servedAtMs: number[] = []

  constructor(context: PeerContext, parts: FetchParts) {
    this.#context = context
    this.#parts = parts
  }

  /** Everything has been fetched. */
  get isDone(): boolean {
    return this.#wanted.size === 0
  }

  /** Nothing is left to fetch: this peer is no joining one any more. */
  end(): void {
    this.#wanted.clear()
    this.#asked.clear()
  }

  begin(): void {
    this.end()
    this.#atOnce = FETCHES_FIRST
    for (let bucket = 0; bucket < this.#context.placement.buckets; bucket++) {
      if (has(this.#context.placement.replicas(bucket), this.#context.rank)) this.#wanted.set(bucket, '')
    }
  }

  /**
   * A new view. Where it has no full replica of a bucket, the joining replicas hold different parts of it, if any; all of them
   * see every view, so all go on with an empty bucket.
   */
  installed(): void {
    const { currentView, changes } = this.#parts
    for (let bucket = 0; bucket < this.#context.placement.buckets; bucket++) {
      if ((currentView.full & this.#context.placement.replicas(bucket)) !== 0) continue
      this.#wanted.delete(bucket)
      changes.forgetBucket(bucket)
    }
  }

  /** Asks for the next buckets, and again for those without an answer. */
  tick(now: number): void {
    const { currentView, neighbours } = this.#parts
    for (const [bucket, { rank, view, atMs }] of this.#asked) {
      const isLost = view !== currentView.number || !neighbours.isLinked(rank)
      const heardAtMs = Math.max(atMs, this.#servedAtMs[rank] ?? atMs)
      if (isLost || now - heardAtMs > PATIENCE_MS) this.#asked.delete(bucket)
    }
    if (this.#parts.currentView.role === 'joining') this.#askMore(now)
  }

  /** False for a page that was not asked for here. */
  receive(rank: number, page: Page, now: number): boolean {
    const { view, bucket, after, held, more } = page
    const asked = this.#asked.get(bucket)
    if (asked?.rank !== rank || asked.after !== after || view !== this.#parts.currentView.number) return false
    this.#asked.delete(bucket)
    this.#servedAtMs[rank] = now
    this.#atOnce = Math.max(1, Math.min(this.#atOnce + 1, FETCHES_MAX, Math.floor(CHARACTERS_AT_ONCE / size(held))))
    for (const each of held) this.#parts.changes.learn(each)
    const last = held.at(-1)
    if (more && last !== undefined) this.#wanted.set(bucket, last.change.key)
    else this.#wanted.delete(bucket)
    this.#askMore(now)
    return true
  }

  /** One page, for a peer of the same view that asks a full one. */
  answer(rank: number, { view, bucket, digest, after }: Fetch): void {
    const { currentView, entries, changes } = this.#parts
    if (currentView.role !== 'full' || view !== this.#parts.currentView.number || !has(currentView.live, rank)) return
    const isSame = digest !== undefined && digest === entries.digest(bucket)
    const limits = { records: PAGE_RECORDS, characters: PAGE_CHARACTERS }
    const page = isSame ? { changes: [], more: false } : entries.page(bucket, after, limits)
    const held = page.changes.map((change: ReplicatedChange): HeldChange => ({
      change,
      isCommitted: !changes.isPending(change.key),
    }))
    this.#context.post(rank, { type: 'page', view, bucket, after, held, more: page.more })
  }

  #askMore(now: number): void {
    for (const [bucket, after] of this.#wanted) {
      if (this.#asked.size >= this.#atOnce) return
      if (!this.#asked.has(bucket)) this.#ask(bucket, after, now)
    }
  }

  #ask(bucket: number, after: string, now: number): void {
    const { currentView, neighbours } = this.#parts
    const sources = ranksOf(currentView.full & this.#context.placement.replicas(bucket) & ~bit(this.#context.rank))
    const reachable = sources.filter((rank) => neighbours.hears(rank, now))
    const rank = reachable[bucket % Math.max(reachable.length, 1)]
    if (rank === undefined) return
    const view = currentView.number
    this.#asked.set(bucket, { rank, view, after, atMs: now })
    this.#context.post(rank, { type: 'fetch', view, bucket, digest: undefined, after })
  }
}

function size(held: readonly HeldChange[]): number {
  return held.reduce((sum, { change }) => sum + (change.body?.length ?? 0) + RECORD_CHARACTERS, RECORD_CHARACTERS)
}
