/**
 * What a store that is broken on purpose stands on: a correct one, with the one thing that is broken put over it. Each is a
 * module that a node opens as `--store PATH`; `PATH?on=URL` names the correct one beneath, which is in memory unless told
 * otherwise. `on=shared:NAME` is one that all nodes of this very process share.
 *
 * What breaks does so every so many times rather than at random: as often in a short run as in a long one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore, type SessionKey, type SessionStore, type StoreFactory } from '@ninelives/sessions'

/** The verbs that are broken, over those that are not. */
export type Breaking = (sound: SessionStore, url: URL) => Partial<SessionStore>

/** As far away as a Redis next door: without it no two requests would ever meet inside of one process. */
const AWAY_MS = 2

const shared = new Map<string, SessionStore>()

export function broken(breaking: Breaking): StoreFactory {
  return async (url) => {
    const sound = faraway(await storeBeneath(url.searchParams.get('on') ?? 'memory:'))
    return { ...sound, name: 'broken', ...breaking(sound, url) }
  }
}

/** Lists of users' sessions are left alone: what is broken are sessions. */
export function isSession(key: SessionKey): boolean {
  return !key.startsWith('~')
}

/** True every so many times. */
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
