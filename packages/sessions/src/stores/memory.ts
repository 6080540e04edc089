/**
 * Sessions in a map of this process: the fastest store and the one that forgets. A body is kept as the text it came as, so
 * no caller can change what is stored through a shared reference, and an idle session costs little more than its JSON.
 *
 * Expiry is exact because every verb looks at the clock; a sweep in small steps only gives the memory back.
 */
import { type Clock, systemClock } from '../clock.ts'
import type { Capabilities, SessionKey, SessionRecord, SessionStore, WriteResult } from '../contract.ts'
import { StoreFullError, StoreUnavailableError } from '../errors.ts'

export interface MemoryStoreOptions {
  readonly clock?: Clock
  /**
   * When so many sessions and fences are held, the visitor's session that was used longest ago is given up for each new one.
   * Where none is left, creating another is refused, and the store is not healthy. Default 1,000,000.
   */
  readonly recordsMax?: number
}

interface Held {
  readonly version: number
  /** After the store was made, which for weeks is a number that needs no heap of its own. */
  readonly expiresInMs: number
  /** Undefined for a fence: what is left of a destroyed session. */
  readonly body: string | undefined
}

const SWEEP_EVERY_MS = 250
const SWEEP_RECORDS_MAX = 5_000
const FENCE = { version: 0, body: undefined } as const
const ONE_COPY = { copies: 1 } as const

const ONE_PROCESS = 'each node keeps its sessions in its own memory'
const capabilities: Capabilities = {
  shared: { excused: `${ONE_PROCESS}, so another node does not know them` },
  survivesNodeDeath: { excused: `${ONE_PROCESS}, and they die with it` },
  survivesStoreRestart: { excused: 'the store is the process' },
  fences: 'held',
}

export function memoryStore({ clock = systemClock, recordsMax = 1_000_000 }: MemoryStoreOptions = {}): SessionStore {
  const records = heldRecords(clock, recordsMax)
  let sweeper: NodeJS.Timeout | undefined
  let closed = false

  const live = (key: SessionKey): Held | undefined => {
    if (closed) throw new StoreUnavailableError('memory')
    return records.live(key)
  }

  return {
    name: 'memory',
    capabilities,

    async open() {
      sweeper ??= setInterval(() => records.sweepSome(), SWEEP_EVERY_MS).unref()
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
      records.put(key, { version, body }, expiresAtMs, givesWay)
      return { status: 'written', version, receipt: ONE_COPY }
    },

    async touch(key, expiresAtMs) {
      const record = live(key)
      if (record?.body === undefined) return false
      if (expiresAtMs > records.expiresAtMs(record)) records.put(key, record, expiresAtMs, records.givesWay(key))
      return true
    },

    async destroy(key, { fenceUntilMs }) {
      live(key)
      records.put(key, FENCE, fenceUntilMs, false)
      return ONE_COPY
    },

    async health() {
      if (closed) throw new StoreUnavailableError('memory')
      if (!records.hasRoom()) throw full(recordsMax)
    },

    async close() {
      closed = true
      clearInterval(sweeper)
      records.clear()
    },

    heldHere: () => records.sessions(),
  }
}

/** Sessions and fences by key, of which those past their time count as absent whether or not they were swept. */
function heldRecords(clock: Clock, recordsMax: number) {
  const held = new Map<SessionKey, Held>()
  const givingWay = keysByUse()
  const madeAtMs = clock.now()
  const expiresAtMs = (record: Held): number => madeAtMs + record.expiresInMs
  let sweep = held.entries()
  let sessions = 0

  const forget = (key: SessionKey, record: Held): void => {
    held.delete(key)
    givingWay.delete(key)
    if (isSession(key, record)) sessions--
  }

  const makeRoom = (): void => {
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
      if (previous === undefined && held.size >= recordsMax) makeRoom()
      if (previous !== undefined && isSession(key, previous)) sessions--
      const record = { version, expiresInMs: untilMs - madeAtMs, body: body && whole(body) }
      if (isSession(key, record)) sessions++
      // A map keeps the key that it has already.
      const kept = previous === undefined || givesWay ? (whole(key) as SessionKey) : key
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
        if (next.done === true) return void (sweep = held.entries())
        const [key, record] = next.value
        if (expiresAtMs(record) <= now) forget(key, record)
      }
    },

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
    /** `isAmong` says whether it is to be one of them from now on. */
    place(key: SessionKey, isAmong: boolean): void {
      remove(key)
      if (isAmong) keys.add(key)
    },

    has: (key: SessionKey) => keys.has(key),

    delete: remove,

    /**
     * The search goes on where it stopped. What stood before that is gone: to begin at the front each time would walk over
     * the empty places of all of it.
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

/** And not a fence, nor a record of another kind. */
function isSession(key: SessionKey, { body }: Held): boolean {
  return body !== undefined && !key.startsWith('~')
}

/** A text put together of others holds on to all of them for as long as it lives: this one is its own. */
function whole(text: string): string {
  return Buffer.from(text).toString()
}
