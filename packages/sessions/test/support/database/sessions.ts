/** An open store of a test's own on some database. */
import type { ExecutionContext } from 'ava'
import type { SessionStore } from '../../../src/contract.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import type { OnStoreEvent } from '../../../src/telemetry.ts'
import { until } from '../until.ts'

/** For tests of other things than time, on a machine that does much at once. */
export const PATIENT = 'timeoutMs=20000&openTimeoutMs=60000&connectionsMax=4'

export async function openDatabase(t: ExecutionContext, url: string, onEvent?: OnStoreEvent): Promise<SessionStore> {
  const store = await openStore(url, { onEvent })
  t.teardown(() => store.close())
  await store.open()
  return store
}

export async function healthy(store: SessionStore): Promise<void> {
  await until('the store to be healthy', () => store.health().then(() => true))
}
