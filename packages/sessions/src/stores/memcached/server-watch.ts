/**
 * Notices what Memcached does not say in an answer: that it has started again, empty, or that it evicts. It is asked for its
 * counters when it is opened, when it answers again after a failure, and otherwise at most every few seconds while calls come.
 */
import type { Clock } from '../../clock.ts'
import type { OnStoreEvent } from '../../telemetry.ts'
import type { MemcachedServer } from './server.ts'

export interface ServerWatch {
  /** Call it after each call that succeeded. Asks in the background, if it is time. */
  succeeded(): void
  failed(): void
  /** Asks now. Rejects as `stats` does. */
  look(): Promise<void>
  /** How much the server's clock is ahead of the node's. */
  readonly clockAheadMs: number
  readonly counts: ServerCounts
}

export interface ServerCounts {
  /** Since this process opened the store. */
  readonly restarts: number
  readonly evicted: number
  /** By `performance.now()`. */
  readonly evictedAtMs: number
  /** As of the last look. */
  readonly items: number
  readonly bytes: number
  readonly bytesMax: number
}

const LOOK_EVERY_MS = 5_000
const EVICTED_EVERY_MS = 60_000

export function serverWatch(server: MemcachedServer, clock: Clock, onEvent: OnStoreEvent): ServerWatch {
  let life: string | undefined
  let evictionsSeen = 0
  let evictedUntold = 0
  let evictedToldAtMs = -Infinity
  let lookedAtMs = -Infinity
  let isLooking = false
  let clockAheadMs = 0
  let counts: ServerCounts = { restarts: 0, evicted: 0, evictedAtMs: -Infinity, items: 0, bytes: 0, bytesMax: 0 }

  const look = async (): Promise<void> => {
    lookedAtMs = performance.now()
    const found = await server.stats()
    const number = (name: string): number => Number(found.get(name) ?? 0)
    clockAheadMs = number('time') * 1_000 - clock.now()
    // Both stay the same for as long as the process lives. In a container every process has the same pid.
    const now = `${number('pid')} ${number('time') - number('uptime')}`
    const isAnother = life !== undefined && life !== now
    if (life === undefined) evictionsSeen = number('evictions')
    if (isAnother) {
      evictionsSeen = 0
      onEvent({ event: 'sessions-forgotten', server: server.address })
    }
    life = now
    const evicted = Math.max(0, number('evictions') - evictionsSeen)
    evictionsSeen = number('evictions')
    evictedUntold += evicted
    counts = {
      restarts: counts.restarts + (isAnother ? 1 : 0),
      evicted: counts.evicted + evicted,
      evictedAtMs: evicted > 0 ? performance.now() : counts.evictedAtMs,
      items: number('curr_items'),
      bytes: number('bytes'),
      bytesMax: number('limit_maxbytes'),
    }
    if (evictedUntold === 0 || performance.now() - evictedToldAtMs < EVICTED_EVERY_MS) return
    evictedToldAtMs = performance.now()
    onEvent({ event: 'sessions-evicted', server: server.address, records: evictedUntold })
    evictedUntold = 0
  }

  return {
    succeeded() {
      if (isLooking || performance.now() - lookedAtMs < LOOK_EVERY_MS) return
      isLooking = true
      const failed = () => {
        // The next call that succeeds is followed by another look.
        lookedAtMs = -Infinity
      }
      look()
        .catch(failed)
        .finally(() => (isLooking = false))
    },

    failed() {
      lookedAtMs = -Infinity
    },

    look,

    get clockAheadMs() {
      return clockAheadMs
    },

    get counts() {
      return counts
    },
  }
}
