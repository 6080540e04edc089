/**
 * Copies of records in this node's memory, over a store that tells whether a copy is still what it has. A read is answered from
 * memory only if it is; everything else is asked of the store. Changes go through to the store, and what was written is kept.
 *
 * A copy must not come after the news that it is outdated. So each call that may bring one is noted under its key, and the news, and
 * any later call of the same key, removes the note: a call that finds its note gone keeps nothing. While a change is under way, a
 * read of the same key keeps nothing either, because it may have been carried out before the change.
 *
 * Reads are not joined: a read that is under way may have been carried out before a change that was acknowledged since.
 * Absence is not kept.
 */
import type { LRUCache } from 'lru-cache'
import type { Clock } from '../../clock.ts'
import type { SessionKey, SessionRecord, SessionStore } from '../../contract.ts'
import { StoreUnavailableError } from '../../errors.ts'
import type { CacheReport } from '../../telemetry.ts'
import type { CacheableStore, Marked } from '../copies/cacheable-store.ts'

export interface Copy {
  readonly record: SessionRecord
  readonly mark: number
}

export type CopyCache = LRUCache<SessionKey, Copy>

/** Of a copy besides its body, with its key and its place in the cache. */
const COPY_BYTES = 400

/** As far as it can be known cheaply: a character takes one byte or two. */
export function copyBytes({ record }: Copy): number {
  return COPY_BYTES + 2 * record.body.length
}

export function nearCache(store: CacheableStore, copies: CopyCache, clock: Clock): SessionStore {
  const { copies: source } = store
  /** For each key the latest call that may bring a copy. */
  const latest = new Map<SessionKey, symbol>()
  const changesUnderWay = new Map<SessionKey, number>()
  let hits = 0
  let misses = 0
  let dropped = 0
  let isClosed = false

  const drop = (key: SessionKey | undefined): void => {
    if (key === undefined) {
      dropped += copies.size
      copies.clear()
      latest.clear()
    } else {
      if (copies.delete(key)) dropped++
      latest.delete(key)
    }
  }

  const keepIfLatest = (key: SessionKey, call: symbol, record: SessionRecord | undefined, mark?: number): void => {
    if (latest.get(key) !== call) return
    latest.delete(key)
    if (record !== undefined && mark !== undefined && !isClosed) copies.set(key, { record, mark })
  }

  const fetch = async (key: SessionKey): Promise<SessionRecord | undefined> => {
    misses++
    if (changesUnderWay.has(key)) return (await source.read(key)).answer
    const call = Symbol('read')
    latest.set(key, call)
    let read: Marked<SessionRecord | undefined> | undefined
    try {
      read = await source.read(key)
      return read.answer
    } finally {
      keepIfLatest(key, call, read?.answer, read?.mark)
    }
  }

  /** `change` gives the copy that it leaves, if it is known. */
  const change = async <T>(
    key: SessionKey,
    change: () => Promise<T>,
    left: (result: T) => Partial<Copy> = () => ({}),
  ): Promise<T> => {
    copies.delete(key)
    const call = Symbol('change')
    latest.set(key, call)
    const before = changesUnderWay.get(key) ?? 0
    changesUnderWay.set(key, before + 1)
    let copy: Partial<Copy> = {}
    try {
      const result = await change()
      copy = left(result)
      return result
    } finally {
      const others = (changesUnderWay.get(key) ?? 1) - 1
      if (others > 0) changesUnderWay.set(key, others)
      else changesUnderWay.delete(key)
      // Of changes that overlap, the store may carry out the later one first.
      keepIfLatest(key, call, before === 0 ? copy.record : undefined, copy.mark)
    }
  }

  return {
    name: `hybrid over ${store.name}`,
    capabilities: store.capabilities,
    notifications: store.notifications,

    async open() {
      await store.open()
      await source.start(drop)
    },

    async read(key) {
      const copy = copies.get(key)
      if (copy !== undefined && copy.record.expiresAtMs > clock.now() && source.isCurrent(copy.mark)) {
        hits++
        return copy.record
      }
      return await fetch(key)
    },

    async write(key, write) {
      const { answer } = await change(
        key,
        () => source.write(key, write),
        ({ answer, mark }) => {
          if (answer.status !== 'written') return {}
          const { expiresAtMs, body } = write
          return { record: { version: answer.version, expiresAtMs, body }, ...(mark !== undefined && { mark }) }
        },
      )
      return answer
    },

    touch: (key, expiresAtMs) => change(key, () => store.touch(key, expiresAtMs)),

    destroy: (key, options) => change(key, () => store.destroy(key, options)),

    async health() {
      if (isClosed) throw new StoreUnavailableError(store.name)
      await store.health()
    },

    report() {
      const report = store.report?.() ?? { warnings: [] }
      const { trouble } = source
      const cache: CacheReport = { copies: copies.size, bytes: copies.calculatedSize, hits, misses, dropped }
      const warnings = trouble === undefined ? [] : [`no session is read from memory: ${trouble}`]
      return { ...report, warnings: [...report.warnings, ...warnings], cache }
    },

    async close() {
      isClosed = true
      drop(undefined)
      await store.close()
    },
  }
}
