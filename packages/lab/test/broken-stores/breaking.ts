/**
 * Makes a store that is broken on purpose: a correct store, with some verbs replaced by broken ones. Each is a module that a node opens
 * as `--store PATH`. `PATH?on=URL` names the correct store; without it that is a memory store. `on=shared:NAME` is a memory store that
 * all nodes of this process share.
 *
 * A defect shows in every n-th call rather than at random, so that a short run has as many as a long one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore, type SessionKey, type SessionStore, type StoreFactory } from '@ninelives/sessions'

/** The broken verbs. */
export type Breaking = (sound: SessionStore, url: URL) => Partial<SessionStore>

/** The latency of a Redis nearby: without it no two requests of one process would be concurrent. */
const AWAY_MS = 2

const shared = new Map<string, SessionStore>()

export function broken(breaking: Breaking): StoreFactory {
  return async (url) => {
    const sound = faraway(await storeBeneath(url.searchParams.get('on') ?? 'memory:'))
    return { ...sound, name: 'broken', ...breaking(sound, url) }
  }
}

/** Only sessions are broken, and not the lists of users' sessions. */
export function isSession(key: SessionKey): boolean {
  return !key.startsWith('~')
}

/** True in every n-th call. */
export function oneIn(times: number): () => boolean {
  let left = times
  return () => {
    left = left === 0 ? times - 1 : left - 1
    return left === 0
  }
}

async function storeBeneath(location: string): Promise<SessionStore> {
  if (!location.startsWith('shared:')) return await openStore(location)
  const store = shared.get(location) ?? (await openStore('memory:'))
  shared.set(location, store)
  return store
}

function faraway(store: SessionStore): SessionStore {
  return {
    ...store,
    async read(key) {
      const record = await store.read(key)
      await sleep(AWAY_MS)
      return record
    },
    async write(key, write) {
      await sleep(AWAY_MS)
      return await store.write(key, write)
    },
  }
}
