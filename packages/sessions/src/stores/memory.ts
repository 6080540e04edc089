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
  /** When so many sessions and fences are held, creating another is refused. Default 1,000,000. */
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

    async write(key, { expectedVersion, expiresAtMs, body }): Promise<WriteResult> {
      const record = live(key)
      if (record === undefined ? expectedVersion !== 0 : record.body === undefined) return { status: 'gone' }
      const current = record && records.asRecord(record)
      if (current !== undefined && current.version !== expectedVersion) return { status: 'conflict', current }
      const version = expectedVersion + 1
      records.put(key, version, expiresAtMs, body)
      return { status: 'written', version, receipt: ONE_COPY }
    },

    async touch(key, expiresAtMs) {
      const record = live(key)
      if (record?.body === undefined) return false
      if (expiresAtMs > records.expiresAtMs(record)) records.put(key, record.version, expiresAtMs, record.body)
      return true
    },

    async destroy(key, { fenceUntilMs }) {
      live(key)
      records.put(key, 0, fenceUntilMs, undefined)
      return ONE_COPY
    },

    async health() {
      if (closed) throw new StoreUnavailableError('memory')
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
  const madeAtMs = clock.now()
  const expiresAtMs = (record: Held): number => madeAtMs + record.expiresInMs
  let sweep = held.entries()
  let sessions = 0

  const forget = (key: SessionKey, record: Held): void => {
    held.delete(key)
    if (isSession(key, record)) sessions--
  }

  return {
    live(key: SessionKey): Held | undefined {
      const record = held.get(key)
      if (record === undefined || expiresAtMs(record) > clock.now()) return record
      forget(key, record)
      return undefined
    },

    put(key: SessionKey, version: number, untilMs: number, body: string | undefined): void {
      const previous = held.get(key)
      if (previous === undefined && held.size >= recordsMax) throw new StoreFullError(`memory, full at ${recordsMax}`)
      if (previous !== undefined && isSession(key, previous)) sessions--
      const record = { version, expiresInMs: untilMs - madeAtMs, body: body && whole(body) }
      if (isSession(key, record)) sessions++
      // A key that is there already stays as it is in the map.
      held.set(previous === undefined ? (whole(key) as SessionKey) : key, record)
    },

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
          return
        }
        const [key, record] = next.value
        if (expiresAtMs(record) <= now) forget(key, record)
      }
    },

    clear(): void {
      held.clear()
      sessions = 0
    },

    sessions: () => sessions,
  }
}

/** And not a fence, nor a record of another kind. */
function isSession(key: SessionKey, { body }: Held): boolean {
  return body !== undefined && !key.startsWith('~')
}

/** A text put together of others holds on to all of them for as long as it lives: this one is its own. */
function whole(text: string): string {
  return Buffer.from(text).toString()
}
