/**
 * The sessions on one Memcached server. A write is `gets` and `cas`, or `add` where it creates. A touch reads and writes the
 * whole record: Memcached's own `touch` may shorten, and knows no milliseconds. A destroy is one `set` of a fence.
 *
 * A write that builds on a version never creates, so a destroyed session stays gone even if its fence was evicted. Only a creation
 * under the same key needs the fence, and the engine draws a new key for each session.
 */
import type { Clock } from '../../clock.ts'
import type { Capabilities, SessionRecord, SessionStore, WriteResult } from '../../contract.ts'
import { deadlineList } from '../../deadlines.ts'
import { StoreConfigError, StoreRefusedError, StoreUnavailableError } from '../../errors.ts'
import type { OnStoreEvent } from '../../telemetry.ts'
import { decoded, encoded, FENCE_VERSION, lifetimeS } from './record.ts'
import type { MemcachedServer } from './server.ts'
import { type ServerCounts, serverWatch } from './server-watch.ts'

export interface OneServerOptions {
  readonly prefix: string
  /** How long one call may take, with all its commands. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly onEvent: OnStoreEvent
}

export interface OneServer extends SessionStore {
  /** Why the last call had no answer; undefined if it had one. */
  readonly outage: string | undefined
  readonly counts: ServerCounts
}

const IN_MEMORY = 'Memcached keeps sessions in memory alone'
export const capabilities: Capabilities = {
  shared: 'held',
  survivesNodeDeath: 'held',
  survivesStoreRestart: {
    excused: `${IN_MEMORY}: a restart loses all of them, and when it is full it evicts those that were used longest ago`,
  },
  fences: {
    excused: `${IN_MEMORY}: a fence is lost with a restart, or evicted when it is full. A write that builds on a destroyed session is refused all the same`,
  },
  notifies: {
    excused: 'Memcached tells its clients nothing, so sockets look every 100 ms whether their session has ended',
  },
}

/** Each further try means that another change of the same record was faster. */
const TRIES_MAX = 32
const GONE = { status: 'gone' } as const

interface Found {
  readonly record: SessionRecord
  readonly token: string
}

export function oneServer(server: MemcachedServer, options: OneServerOptions): OneServer {
  const { prefix, timeoutMs, clock, onEvent } = options
  const { address } = server
  const watch = serverWatch(server, clock, onEvent)
  let outage: string | undefined
  const late = () => new StoreUnavailableError(address, new Error(`no answer within ${timeoutMs} ms`))
  const deadlines = deadlineList(timeoutMs, late)

  const bounded = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      const result = await deadlines.within(call())
      outage = undefined
      watch.succeeded()
      return result
    } catch (error) {
      noteFailure(error)
      throw error
    }
  }

  const noteFailure = (error: unknown): void => {
    if (error instanceof StoreRefusedError || !(error instanceof StoreUnavailableError)) return
    watch.failed()
    outage = error.cause instanceof Error ? error.cause.message : error.message
  }

  const lifetime = (expiresAtMs: number) => lifetimeS(expiresAtMs, clock.now(), watch.clockAheadMs)
  const isLive = ({ expiresAtMs }: SessionRecord) => expiresAtMs > clock.now()

  const recordIn = (value: string): SessionRecord => {
    const record = decoded(value)
    if (record === undefined)
      throw new StoreRefusedError(`${address}, which has another program's value under this key`)
    return record
  }

  const found = async (key: string): Promise<Found | undefined> => {
    const item = await server.gets(key)
    return item && { record: recordIn(item.value), token: item.token }
  }

  /** Puts the record in the place of what was found there, or of nothing. False if that has changed meanwhile. */
  const replaced = (key: string, record: SessionRecord, { token }: Partial<Found> = {}): Promise<boolean> => {
    const value = encoded(record)
    const seconds = lifetime(record.expiresAtMs)
    return token === undefined ? server.add(key, value, seconds) : server.cas(key, value, seconds, token)
  }

  const contended = () =>
    new StoreRefusedError(`${address}, where others changed this record ${TRIES_MAX} times in a row`)

  return {
    name: address,
    capabilities,

    open: () =>
      bounded(async () => {
        const settings = await server.stats('settings')
        if (settings.get('cas_enabled') === 'no')
          throw new StoreConfigError(`${address} runs with -C, which disables the compare-and-set that sessions need`)
      }),

    read: (key) =>
      bounded(async () => {
        const value = await server.get(prefix + key)
        const record = value === undefined ? undefined : recordIn(value)
        return record !== undefined && isLive(record) && record.version !== FENCE_VERSION ? record : undefined
      }),

    write: (key, { expectedVersion, expiresAtMs, body }) =>
      bounded(async (): Promise<WriteResult> => {
        const version = expectedVersion + 1
        for (let tried = 0; tried < TRIES_MAX; tried++) {
          const isFirstCreation = expectedVersion === 0 && tried === 0
          const there = isFirstCreation ? undefined : await found(prefix + key)
          const current = there && isLive(there.record) ? there.record : undefined
          if (current === undefined ? expectedVersion !== 0 : current.version === FENCE_VERSION) return GONE
          if (current !== undefined && current.version !== expectedVersion) return { status: 'conflict', current }
          if (await replaced(prefix + key, { version, expiresAtMs, body }, there)) return { status: 'written', version }
        }
        throw contended()
      }),

    touch: (key, expiresAtMs) =>
      bounded(async () => {
        for (let tried = 0; tried < TRIES_MAX; tried++) {
          const there = await found(prefix + key)
          if (there === undefined || !isLive(there.record) || there.record.version === FENCE_VERSION) return false
          if (there.record.expiresAtMs >= expiresAtMs) return true
          if (await replaced(prefix + key, { ...there.record, expiresAtMs }, there)) return true
        }
        throw contended()
      }),

    destroy: (key, { fenceUntilMs }) =>
      bounded(async () => {
        const fence = { version: FENCE_VERSION, expiresAtMs: fenceUntilMs, body: '' }
        await server.set(prefix + key, encoded(fence), lifetime(fenceUntilMs))
      }),

    health: () => bounded(() => server.ping()),

    async close() {
      server.close()
      deadlines.giveUp(() => new StoreUnavailableError(address, new Error('the store was closed')))
    },

    get outage() {
      return outage
    },

    get counts() {
      return watch.counts
    },
  }
}
