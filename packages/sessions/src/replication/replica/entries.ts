/**
 * What a peer holds: the last change of each key, in buckets, with a digest of each bucket that every change updates. An entry
 * is flat, and its expiry a small number counted from the start, so that an idle session costs little more than its JSON.
 * Which changes are pending is kept elsewhere, since few are.
 */
import assert from 'node:assert'
import type { SessionKey } from '../../contract.ts'
import { isAuxiliary } from '../../secrets/id.ts'
import type { ReplicatedChange, Stamp } from '../wire/messages.ts'
import { hashOf, mixed, type Placement } from '../context/placement.ts'
import { TICK_MS } from '../context/timing.ts'
import { isLater, isSameStamp } from '../wire/stamp.ts'

interface Entry extends Stamp {
  readonly version: number
  readonly untilInMs: number
  readonly body: string | undefined
}

/** Records looked at in one step. */
const SWEEP_RECORDS = 10_000
const SWEEP_PAUSE_MS = 1_000
/** A sweep looks at every record, so the pause before the next grows with them: to look at so many takes a thousandth of it. */
const SWEEP_RECORDS_A_MS = 20

export class Entries {
  readonly #placement: Placement
  readonly #madeAtMs: number
  readonly #keepMs: number
  readonly #buckets: (Map<SessionKey, Entry> | undefined)[]
  readonly #digests: Uint32Array
  #records = 0
  #sessions = 0
  #revision = 0
  /** The next bucket to sweep; the first while no sweep is under way. */
  #swept = 0
  #sweptAtMs = Number.NEGATIVE_INFINITY
  /** Counted from the start, as in the entries. No record that was swept or put since expires earlier. */
  #earliestInMs = Infinity

  constructor(placement: Placement, madeAtMs: number, keepMs: number) {
    this.#placement = placement
    this.#madeAtMs = Math.floor(madeAtMs)
    this.#keepMs = keepMs
    this.#buckets = Array.from({ length: placement.buckets }, () => undefined)
    this.#digests = new Uint32Array(placement.buckets)
  }

  get records(): number {
    return this.#records
  }

  /** Sessions, without fences and records of other kinds. */
  get sessions(): number {
    return this.#sessions
  }

  /** Changes with every change and every touch. */
  get revision(): number {
    return this.#revision
  }

  /** The last change of the key, also when it has expired. */
  get(key: SessionKey): ReplicatedChange | undefined {
    const entry = this.#buckets[this.#placement.bucketOf(key)]?.get(key)
    return entry && this.#change(key, entry)
  }

  put(change: ReplicatedChange): void {
    const bucket = this.#placement.bucketOf(change.key)
    const map = (this.#buckets[bucket] ??= new Map())
    const former = map.get(change.key)
    if (former !== undefined) {
      assert(isExtension(former, change) || isLater(change.stamp, former), 'an entry moves to later stamps only')
      this.#uncount(bucket, change.key, former)
    }
    const { view, counter, rank } = change.stamp
    const { version, untilMs, body } = change
    const entry = { view, counter, rank, version, untilInMs: untilMs - this.#madeAtMs, body }
    map.set(change.key, entry)
    this.#records++
    this.#revision++
    this.#earliestInMs = Math.min(this.#earliestInMs, entry.untilInMs)
    if (isSession(change.key, entry)) this.#sessions++
    this.#toggle(bucket, change.key, entry)
  }

  digest(bucket: number): number {
    return this.#digests[bucket] ?? 0
  }

  digests(): Uint32Array {
    return this.#digests.slice()
  }

  /** Changes in the order of keys, from after the given one, within the limits. */
  page(
    bucket: number,
    after: string,
    limits: { records: number; characters: number },
  ): { changes: ReplicatedChange[]; more: boolean } {
    const map = this.#buckets[bucket]
    if (map === undefined) return { changes: [], more: false }
    const keys = [...map.keys()].filter((key) => key > after).sort()
    const changes: ReplicatedChange[] = []
    let characters = 0
    for (const key of keys) {
      if (changes.length >= limits.records || characters > limits.characters) break
      const entry = map.get(key) as Entry
      changes.push(this.#change(key, entry))
      characters += key.length + (entry.body?.length ?? 0)
    }
    return { changes, more: changes.length < keys.length }
  }

  /** Removes what expired long ago, a part at a time. Returns when the next part is due, by the same wall clock. */
  sweep(nowMs: number, isKept: (key: SessionKey) => boolean): number {
    if (this.#swept === 0) {
      // A clock that was put back delays no sweep.
      this.#sweptAtMs = Math.min(this.#sweptAtMs, nowMs)
      const dueAtMs = this.#sweepDueAtMs()
      if (nowMs < dueAtMs) return dueAtMs
      this.#earliestInMs = Infinity
    }
    const endedInMs = nowMs - this.#keepMs - this.#madeAtMs
    for (let looked = 0; looked < SWEEP_RECORDS && this.#swept < this.#buckets.length; this.#swept++) {
      const map = this.#buckets[this.#swept]
      if (map === undefined) continue
      looked += map.size
      for (const [key, entry] of map) {
        if (entry.untilInMs > endedInMs || isKept(key)) {
          this.#earliestInMs = Math.min(this.#earliestInMs, entry.untilInMs)
          continue
        }
        this.#uncount(this.#swept, key, entry)
        map.delete(key)
      }
    }
    if (this.#swept < this.#buckets.length) return nowMs + TICK_MS
    this.#swept = 0
    this.#sweptAtMs = nowMs
    return this.#sweepDueAtMs()
  }

  /** The keys that were in it. */
  clearBucket(bucket: number): SessionKey[] {
    const map = this.#buckets[bucket]
    if (map === undefined) return []
    for (const [key, entry] of map) this.#uncount(bucket, key, entry)
    this.#buckets[bucket] = undefined
    return [...map.keys()]
  }

  clear(): void {
    this.#buckets.fill(undefined)
    this.#digests.fill(0)
    this.#records = 0
    this.#sessions = 0
  }

  #sweepDueAtMs(): number {
    const pauseMs = SWEEP_PAUSE_MS + this.#records / SWEEP_RECORDS_A_MS
    return Math.max(this.#earliestInMs + this.#madeAtMs + this.#keepMs, this.#sweptAtMs + pauseMs)
  }

  #change(key: SessionKey, { view, counter, rank, version, untilInMs, body }: Entry): ReplicatedChange {
    return { key, stamp: { view, counter, rank }, version, untilMs: untilInMs + this.#madeAtMs, body }
  }

  #uncount(bucket: number, key: SessionKey, entry: Entry): void {
    this.#records--
    if (isSession(key, entry)) this.#sessions--
    this.#toggle(bucket, key, entry)
  }

  #toggle(bucket: number, key: SessionKey, { view, counter, rank, untilInMs }: Entry): void {
    const stamp = mixed(mixed(mixed(hashOf(key) ^ view) ^ counter) ^ rank)
    this.#digests[bucket] = (this.#digests[bucket] ?? 0) ^ mixed(stamp ^ ((untilInMs + this.#madeAtMs) % 2 ** 32))
  }
}

/** The same change, with another expiry. */
function isExtension(former: Entry, { stamp, version }: ReplicatedChange): boolean {
  return isSameStamp(former, stamp) && former.version === version
}

/** Not a fence, and not a record of another kind. */
function isSession(key: SessionKey, { body }: { readonly body: string | undefined }): boolean {
  return body !== undefined && !isAuxiliary(key)
}
