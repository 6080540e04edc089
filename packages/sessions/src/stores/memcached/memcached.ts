/**
 * Sessions in Memcached, on one server or spread over several. Each key has one server. While that server is down its share of the
 * sessions is unavailable, and is not placed on the others: they would not have those sessions, so their users would be logged
 * out, and when the server is back, what it has would be older than what the others got meanwhile.
 *
 * With several servers each has a breaker of its own, and its outage is refused call by call, since the others go on.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, systemClock } from '../../clock.ts'
import type { SessionKey, SessionStore } from '../../contract.ts'
import { StoreConfigError, StoreRefusedError, StoreUnavailableError } from '../../errors.ts'
import type { MemcachedReport, OnStoreEvent } from '../../telemetry.ts'
import { memcachedFindings } from './checks.ts'
import { guardedStore } from '../guard/guarded-store.ts'
import { unlessOtherProgram } from '../../other-program.ts'
import { capabilities, type OneServer, oneServer } from './one-server.ts'
import { rendezvous } from './rendezvous.ts'
import { memcachedServer } from './server.ts'
import { memcachedLocation } from './url.ts'

export interface MemcachedStoreOptions {
  /** Its forms are in url.ts. */
  readonly url: string
  readonly clock?: Clock
  readonly onEvent?: OnStoreEvent | undefined
}

const NAME = 'memcached'
const PREFIX = 'ninelives:'
const TIMEOUT_MS = 1_000
const OPEN_TIMEOUT_MS = 10_000
const OPEN_AGAIN_MS = 100
/** How long an eviction is a warning. */
const EVICTED_FOR_MS = 10 * 60_000
const NEARLY_FULL = 0.9

export function memcachedStore({ url, clock = systemClock, onEvent = () => {} }: MemcachedStoreOptions): SessionStore {
  const location = memcachedLocation(url)
  const { prefix = PREFIX, timeoutMs = TIMEOUT_MS, openTimeoutMs = OPEN_TIMEOUT_MS } = location.settings
  const connections = location.servers.map((name) => memcachedServer(name, location, timeoutMs))
  const servers = connections.map((each) => oneServer(each, { prefix, timeoutMs, clock, onEvent }))
  const isAlone = servers.length === 1
  const guarded = servers.map((each) =>
    isAlone ? each : guardedStore(each, { callTimeoutMs: timeoutMs }, { onEvent }),
  )
  const placeOf = rendezvous(location.servers)
  let closed = false

  const atItsServer = async <T>(key: SessionKey, call: (store: SessionStore) => Promise<T>): Promise<T> => {
    const store = guarded[placeOf(key)] as SessionStore
    try {
      return await call(store)
    } catch (error) {
      if (isAlone || error instanceof StoreRefusedError || !(error instanceof StoreUnavailableError)) throw error
      throw new StoreRefusedError(`${store.name}, which has this session`, error.cause ?? error)
    }
  }

  /** One server that answers is enough, so that a node can start while another is down. */
  const open = async (): Promise<void> => {
    const deadlineAtMs = performance.now() + openTimeoutMs
    for (;;) {
      const failures = await failuresOf(servers, (each) => each.open())
      const unusable = failures.find((error) => error instanceof StoreConfigError)
      if (unusable !== undefined) throw unusable
      if (failures.length < servers.length) return
      if (closed || performance.now() >= deadlineAtMs) throw failures[0]
      await sleep(OPEN_AGAIN_MS)
    }
  }

  return {
    name: NAME,
    capabilities,

    async open() {
      const schemes = { plain: 'memcached://', tls: 'memcacheds://', isTls: location.tls }
      await unlessOtherProgram(open(), { program: 'Memcached', hosts: location.servers.map(addressOf), schemes })
    },

    read: (key) => atItsServer(key, (store) => store.read(key)),
    write: (key, write) => atItsServer(key, (store) => store.write(key, write)),
    touch: (key, expiresAtMs) => atItsServer(key, (store) => store.touch(key, expiresAtMs)),
    destroy: (key, options) => atItsServer(key, (store) => store.destroy(key, options)),

    /** As soon as one server answers: waiting for one that hangs would make a readiness probe fail. */
    async health() {
      await Promise.any(guarded.map((store) => store.health())).catch((error: AggregateError) => {
        throw error.errors[0]
      })
    },

    report() {
      return { warnings: servers.flatMap(warningsOf), memcached: { servers: servers.map(reportOf) } }
    },

    check: () => memcachedFindings(connections, location),

    async close() {
      closed = true
      await Promise.all(guarded.map((store) => store.close()))
    },
  }
}

async function failuresOf<T>(all: readonly T[], attempt: (each: T) => Promise<void>): Promise<unknown[]> {
  const settled = await Promise.allSettled(all.map(attempt))
  return settled.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []))
}

function warningsOf({ name, outage, counts }: OneServer): string[] {
  const { evicted, evictedAtMs, bytes, bytesMax } = counts
  if (outage !== undefined) return [`${name} does not answer (${outage}): the sessions on it are unavailable`]
  if (performance.now() - evictedAtMs < EVICTED_FOR_MS)
    return [`${name} is full and has evicted ${evicted} records since this process began: it loses sessions`]
  if (bytesMax > 0 && bytes > NEARLY_FULL * bytesMax)
    return [`${name} is ${Math.floor((100 * bytes) / bytesMax)} % full: it soon evicts sessions`]
  return []
}

function reportOf({ name, outage, counts }: OneServer): MemcachedReport['servers'][number] {
  const { evictedAtMs: _, ...numbers } = counts
  return { server: name, isUp: outage === undefined, ...numbers }
}

function addressOf(name: string): { readonly host: string; readonly port: number } {
  const [host = '', port] = name.split(':')
  return { host, port: Number(port) }
}
