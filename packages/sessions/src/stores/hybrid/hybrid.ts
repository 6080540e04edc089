/**
 * `hybrid:?over=URL`: sessions in another store, and copies of them in the memory of each node: see near-cache.ts.
 *
 * The store over which it lies must tell when a copy is outdated (cacheable-store.ts): Redis and PostgreSQL by leases, SQLite by its data
 * version.
 */
import type * as Lru from 'lru-cache'
import { type Clock, systemClock } from '../../clock.ts'
import type { SessionKey, SessionStore } from '../../contract.ts'
import { StoreConfigError } from '../../errors.ts'
import { withPackages } from '../../optional-packages.ts'
import type { CacheableStore } from '../copies/cacheable-store.ts'
import type { OnStoreEvent } from '../../telemetry.ts'
import { type Copy, copyBytes, nearCache } from './near-cache.ts'
import { writeBehind } from './write-behind.ts'

export interface HybridStoreOptions {
  readonly over: SessionStore
  /** How much memory the copies may take. Default 64 MiB. */
  readonly cacheBytes?: number | undefined
  /** `behind`: see write-behind.ts. Default `through`. */
  readonly write?: 'through' | 'behind' | undefined
  /** With `behind`: for how long the store may be behind, and by how many changes. Defaults 1,000 and 10,000. */
  readonly windowMs?: number | undefined
  readonly pendingMax?: number | undefined
  readonly onEvent?: OnStoreEvent | undefined
  readonly clock?: Clock | undefined
}

const CACHE_BYTES = 64 * 1024 * 1024

export async function hybridStore({
  over,
  cacheBytes = CACHE_BYTES,
  write = 'through',
  windowMs = 1_000,
  pendingMax = 10_000,
  onEvent = () => {},
  clock = systemClock,
}: HybridStoreOptions): Promise<SessionStore> {
  if (!isCacheable(over))
    throw new StoreConfigError(
      `hybrid: takes over= a store that tells when a copy is outdated: redis: or redis+sentinel:, postgres: or sqlite:. ${over.name} as given does not`,
    )
  const { LRUCache } = await lruCache()
  const copies = new LRUCache<SessionKey, Copy>({
    maxSize: cacheBytes,
    maxEntrySize: cacheBytes,
    sizeCalculation: copyBytes,
  })
  const near = nearCache(over, copies, clock)
  return write === 'behind' ? writeBehind(near, { windowMs, pendingMax, onEvent, clock }) : near
}

function isCacheable(store: SessionStore): store is CacheableStore {
  return 'copies' in store
}

async function lruCache(): Promise<typeof Lru> {
  return await withPackages('hybrid:', 'lru-cache', () => import('lru-cache'))
}
