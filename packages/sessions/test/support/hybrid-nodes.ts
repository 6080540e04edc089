/** Nodes that keep copies of sessions in memory, over one store. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { ExecutionContext } from 'ava'
import type { SessionKey, SessionStore } from '../../src/contract.ts'
import { openStore } from '../../src/stores/open-store.ts'
import type { CacheReport } from '../../src/telemetry.ts'
import { until } from './until.ts'

export async function hybridNode(t: ExecutionContext, over: string, settings = ''): Promise<SessionStore> {
  // A busy machine must not look like an outage.
  const patient =
    /^(redis|postgres):/.test(over) && !over.includes('?') ? `${over}?timeoutMs=20000&openTimeoutMs=60000` : over
  const store = await openStore(`hybrid:?over=${patient.replaceAll('&', '%26')}${settings}`)
  t.teardown(() => store.close())
  await store.open()
  return store
}

export function cacheOf(store: SessionStore): CacheReport {
  const cache = store.report?.().cache
  if (cache === undefined) throw new Error(`${store.name} reports no cache`)
  return cache
}

/** Reads until an answer comes from memory. */
export async function keptBy(store: SessionStore, key: SessionKey): Promise<void> {
  await until('a read from memory', async () => {
    const { hits } = cacheOf(store)
    await store.read(key)
    return cacheOf(store).hits > hits
  })
}

/** The connections over which the nodes hear of changes, and no others. */
export async function cutStreams(server: { ask(sql: string): Promise<unknown> }): Promise<void> {
  await server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ninelives copies'")
}

/** A process with a hybrid store. */
export async function nodeProcess(t: ExecutionContext, url: string) {
  const child: ChildProcess = fork(new URL('../fixtures/hybrid-node.ts', import.meta.url), [url])
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'message')
  const asked = async (order: object): Promise<{ body?: string; status?: string }> => {
    child.send(order)
    const [answer] = (await once(child, 'message')) as [{ body?: string; status?: string }]
    return answer
  }
  return {
    child,
    read: async (key: SessionKey) => (await asked({ key })).body,
    write: async (key: SessionKey, expectedVersion: number, body: string) =>
      (await asked({ key, write: { expectedVersion, body, expiresAtMs: Date.now() + 3_600_000 } })).status,
  }
}
