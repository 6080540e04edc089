/**
 * Faults in front of a store: every call waits before it takes effect and its answer waits after, so that calls overtake
 * each other in both directions.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionStore } from '../../src/contract.ts'

const DELAY_MAX_MS = 15

export function delayed(store: SessionStore): SessionStore {
  return {
    ...store,
    read: (key) => late(() => store.read(key)),
    write: (key, write) => late(() => store.write(key, write)),
    touch: (key, expiresAtMs) => late(() => store.touch(key, expiresAtMs)),
    destroy: (key, destroy) => late(() => store.destroy(key, destroy)),
  }
}

async function late<T>(call: () => Promise<T>): Promise<T> {
  await sleep(Math.random() * DELAY_MAX_MS)
  const result = await call()
  await sleep(Math.random() * DELAY_MAX_MS)
  return result
}
