/**
 * Sessions in a map of this process: the fastest store, and they end with the process. A body is kept as its JSON text, so no
 * caller can change it through a shared reference, and an idle session costs little more than that text.
 *
 * Expiry is exact because every verb checks the clock; a sweep in small steps frees the memory once something has expired.
 */
import { type Clock, systemClock } from '../clock.ts'
import type { Capabilities, SessionKey, SessionRecord, SessionStore, WriteResult } from '../contract.ts'
import { isAuxiliary } from '../secrets/id.ts'
import { StoreFullError, StoreUnavailableError } from '../errors.ts'

export interface MemoryStoreOptions {
  readonly clock?: Clock
  /**
   * The most sessions and fences. Above it, each new session evicts the visitor's session that was used longest ago. If there
   * is none to evict, new sessions are refused, and the store is not healthy. Default 1,000,000.
   */
  readonly recordsMax?: number
}

interface Held {
  readonly version: number
  /** Since the store was made: for weeks a small integer, which V8 keeps without a heap object. */
  readonly expiresInMs: number
  /** Undefined for a fence. */
  readonly body: string | undefined
}

const SWEEP_EVERY_MS = 250
const SWEEP_RECORDS_MAX = 5_000
/** The clock may be set meanwhile. */
const SWEEP_PAUSE_MAX_MS = 60_000
const FENCE = { version: 0, body: undefined } as const

const ONE_PROCESS = 'each node keeps its sessions in its own memory'
const capabilities: Capabilities = {
  shared: { excused: `${ONE_PROCESS}, so another node does not have them` },
  survivesNodeDeath: { excused: `${ONE_PROCESS}, and they die with it` },
  survivesStoreRestart: { excused: 'the store is the process' },
  fences: 'held',
}

export function memoryStore({ clock = systemClock, recordsMax = 1_000_000 }: MemoryStoreOptions = {}): SessionStore {
  const records = heldRecords(clock, recordsMax)
  let sweeper: NodeJS.Timeout | undefined
  let sweepAtMs = Infinity
  let opened = false
  let closed = false

  /** One timer, for the earliest expiry. */
  const sweepWhenDue = (): void => {
    const nowMs = clock.now()
    const dueMs = Math.max(records.nextExpiryMs(), nowMs + SWEEP_EVERY_MS)
    if (!opened || closed || dueMs >= sweepAtMs) return
    clearTimeout(sweeper)
    sweepAtMs = dueMs
    sweeper = setTimeout(sweep, Math.min(dueMs - nowMs, SWEEP_PAUSE_MAX_MS)).unref()
  }

  const sweep = (): void => {
    sweepAtMs = Infinity
    records.sweepSome()
    sweepWhenDue()
  }

  const put: typeof records.put = (key, record, untilMs, givesWay) => {
    records.put(key, record, untilMs, givesWay)
    if (untilMs < sweepAtMs) sweepWhenDue()
  }

  const live = (key: SessionKey): Held | undefined => {
    if (closed) throw new StoreUnavailableError('memory')
    return records.live(key)
  }

  return {
    name: 'memory',
    capabilities,

    async open() {
      opened = true
      sweepWhenDue()
    },

    async read(key) {
      const record = live(key)
      return record && records.asRecord(record)
    },

    async write(key, { expectedVersion, expiresAtMs, body, givesWay = false }): Promise<WriteResult> {
      const record = live(key)
      if (record === undefined ? expectedVersion !== 0 : record.body === undefined) return { status: 'gone' }
      const current = record && records.asRecord(record)
      if (current !== undefined && current.version !== expectedVersion) return { status: 'conflict', current }
      const version = expectedVersion + 1
      put(key, { version, body }, expiresAtMs, givesWay)
      return { status: 'written', version }
    },

    async touch(key, expiresAtMs) {
      const record = live(key)
      if (record?.body === undefined) return false
      if (expiresAtMs > records.expiresAtMs(record)) put(key, record, expiresAtMs, records.givesWay(key))
      return true
    },

    async destroy(key, { fenceUntilMs }) {
      live(key)
      put(key, FENCE, fenceUntilMs, false)
    },

    async health() {
      if (closed) throw new StoreUnavailableError('memory')
      if (!records.hasRoom()) throw full(recordsMax)
    },

    async close() {
      closed = true
      clearTimeout(sweeper)
      records.clear()
    },

    localSessionCount: () => records.sessions(),
  }
}

/** Sessions and fences by key. Expired ones count as absent, whether or not they were swept. */
function heldRecords(clock: Clock, recordsMax: number) {
  const held = new Map<SessionKey, Held>()
  const givingWay = keysByUse()
  const madeAtMs = clock.now()
  const expiresAtMs = (record: Held): number => madeAtMs + record.expiresInMs
  let sweep = held.entries()
  /** No record expires before this. */
  let nextExpiryMs = Infinity
  /** The same for the records that the present pass has looked at, or that came meanwhile. */
  let passedExpiryMs = Infinity
  let sessions = 0

  const forget = (key: SessionKey, record: Held): void => {
    held.delete(key)
    givingWay.delete(key)
    if (isSession(key, record)) sessions--
  }

  const evictOldest = (): void => {
    const oldest = givingWay.oldest()
    if (oldest === undefined) throw full(recordsMax)
    forget(oldest, held.get(oldest) as Held)
  }

  return {
    live(key: SessionKey): Held | undefined {
      const record = held.get(key)
      if (record === undefined || expiresAtMs(record) > clock.now()) return record
      forget(key, record)
      return undefined
    },

    put(key: SessionKey, { version, body }: Omit<Held, 'expiresInMs'>, untilMs: number, givesWay: boolean): void {
      const previous = held.get(key)
      if (previous === undefined && held.size >= recordsMax) evictOldest()
      if (previous !== undefined && isSession(key, previous)) sessions--
      nextExpiryMs = Math.min(nextExpiryMs, untilMs)
      passedExpiryMs = Math.min(passedExpiryMs, untilMs)
      const record = { version, expiresInMs: untilMs - madeAtMs, body: body && flatCopy(body) }
      if (isSession(key, record)) sessions++
      // A map keeps the key that it already has.
      const kept = previous === undefined || givesWay ? (flatCopy(key) as SessionKey) : key
      held.set(kept, record)
      givingWay.place(kept, givesWay)
    },

    givesWay: (key: SessionKey) => givingWay.has(key),

    hasRoom: () => held.size < recordsMax || givingWay.oldest() !== undefined,

    asRecord(record: Held): SessionRecord | undefined {
      const { version, body } = record
      return body === undefined ? undefined : { version, expiresAtMs: expiresAtMs(record), body }
    },

    expiresAtMs,

    sweepSome(): void {
      const now = clock.now()
      for (let looked = 0; looked < SWEEP_RECORDS_MAX; looked++) {
        const next = sweep.next()
        if (next.done === true) {
          sweep = held.entries()
          nextExpiryMs = passedExpiryMs
          passedExpiryMs = Infinity
          return
        }
        const [key, record] = next.value
        if (expiresAtMs(record) <= now) forget(key, record)
        else passedExpiryMs = Math.min(passedExpiryMs, expiresAtMs(record))
      }
    },

    nextExpiryMs: () => nextExpiryMs,

    clear(): void {
      held.clear()
      givingWay.clear()
      sessions = 0
    },

    sessions: () => sessions,
  }
}

/** Keys in the order of their last use. */
function keysByUse() {
  const keys = new Set<SessionKey>()
  let rest = keys.values()
  let first: SessionKey | undefined

  const remove = (key: SessionKey): void => {
    keys.delete(key)
    if (first === key) first = undefined
  }

  return {
    /** Moves the key to the end, or removes it if its session no longer gives way. */
    place(key: SessionKey, givesWay: boolean): void {
      remove(key)
      if (givesWay) keys.add(key)
    },

    has: (key: SessionKey) => keys.has(key),

    delete: remove,

    /**
     * Goes on where the last search stopped, as every key before that was removed. A search from the front would step over the
     * deleted entries that a Set keeps until it is rehashed.
     */
    oldest(): SessionKey | undefined {
      first ??= rest.next().value
      if (first === undefined && keys.size > 0) {
        rest = keys.values()
        first = rest.next().value
      }
      return first
    },

    clear(): void {
      keys.clear()
      first = undefined
    },
  }
}

function full(recordsMax: number): StoreFullError {
  return new StoreFullError(`memory, full at ${recordsMax}`)
}

/** Neither a fence nor a record of another kind. */
function isSession(key: SessionKey, { body }: Held): boolean {
  return body !== undefined && !isAuxiliary(key)
}

/** Copies a string: V8 keeps a concatenated or sliced string's sources alive for as long as it lives. */
function flatCopy(text: string): string {
  return Buffer.from(text).toString()
}
