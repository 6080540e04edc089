/** Members come and go, over real sockets: three nodes become five and three again while they are written to. */
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { SessionKey, StoreMembers } from '../../src/contract.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { type MeshStore, meshStore } from '../../src/replication/mesh.ts'
import { peerList } from '../support/mesh/links.ts'
import { until } from '../support/until.ts'

const FOUNDERS = ['a', 'b', 'c']
const HOUR_MS = 3_600_000

async function growing(t: ExecutionContext): Promise<(name: string, opens?: boolean) => Promise<MeshStore>> {
  const url = `replicated:?members=${FOUNDERS.join()}&peers=${await peerList(['a', 'b', 'c', 'd', 'e'])}`
  return async (name, opens = true) => {
    const store = meshStore({ url, name })
    t.teardown(() => store.close())
    const opening = store.open()
    opening.catch(() => {})
    if (opens) await opening
    return store
  }
}

/**
 * Writes to one session on each store in turn until it is told to end. Resolves to its last version. A write that a busy machine did not
 * carry out in time may have been made or not.
 */
async function counting(key: SessionKey, stores: readonly MeshStore[], signal: AbortSignal): Promise<number> {
  let version = 0
  for (let turn = 0; !signal.aborted; turn++) {
    const store = stores[turn % stores.length] as MeshStore
    const write = { expectedVersion: version, expiresAtMs: Date.now() + HOUR_MS, body: String(turn) }
    const result = await inTime(() => store.write(key, write))
    const seen = result?.status === 'conflict' ? result.current : (result ?? (await inTime(() => store.read(key))))
    const next = seen === undefined ? version : 'version' in seen ? seen.version : -1
    if (next < version || next > version + 1) throw new Error(`${version} came to ${JSON.stringify(seen)}`)
    version = next
    await sleep(1)
  }
  return version
}

/** Undefined where the store was not available. */
async function inTime<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof StoreUnavailableError) return undefined
    throw error
  }
}

/** Again until it is carried out: a busy machine may take a member for dead, and then no change begins. */
async function changed(
  members: StoreMembers | undefined,
  change: (members: StoreMembers) => Promise<void>,
): Promise<void> {
  await until('the change', async () => (await inTime(() => change(members as StoreMembers).then(() => true))) === true)
}

/** What it was rejected with; text where it is still open long before a change that goes on is given up. */
const outcome = (change: Promise<void> | undefined): Promise<unknown> =>
  Promise.race([change?.catch((error: unknown) => error), sleep(15_000, 'open', { ref: false })])

test.serial('three become five and three again under load, and no write is lost', async (t) => {
  const start = await growing(t)
  const [a, b, c] = (await Promise.all(FOUNDERS.map((name) => start(name)))) as [MeshStore, MeshStore, MeshStore]
  const serving = [a, b, c]
  const ending = new AbortController()
  const keys = Array.from({ length: 8 }, (_, index) => `key-${index}` as SessionKey)
  const counts = Promise.all(keys.map((key) => counting(key, serving, ending.signal)))

  const d = await start('d', false)
  await changed(a.members, (members) => members.add('d'))
  serving.push(d)
  // Before that node runs.
  const adding = changed(b.members, (members) => members.add('e'))
  await sleep(100)
  const e = await start('e')
  await adding
  serving.push(e)
  const none = { adding: undefined, removing: undefined, spare: [], apart: [] }
  t.deepEqual(b.members?.status(), { ...none, counted: ['a', 'b', 'c', 'd', 'e'] })
  await sleep(200)

  serving.splice(3)
  await changed(c.members, (members) => members.remove('e'))
  await e.close()
  await changed(a.members, (members) => members.remove('d'))
  await d.close()
  await sleep(200)
  ending.abort()
  const versions = await counts
  t.true(
    versions.every((version) => version > 1),
    `versions ${versions.join()}`,
  )
  for (const [index, key] of keys.entries()) {
    for (const store of [a, b, c])
      await until('the last version', async () => (await inTime(() => store.read(key)))?.version === versions[index])
  }
  t.deepEqual(a.members?.status().counted, FOUNDERS)
})

test.serial('a change of the members is refused as soon as its store closes, and by one that is closed', async (t) => {
  const start = await growing(t)
  const [a, b] = (await Promise.all(FOUNDERS.map((name) => start(name)))) as [MeshStore, MeshStore]
  const isRefused = async (change: Promise<unknown>): Promise<void> => {
    const error = await change
    t.true(error instanceof StoreUnavailableError && /is closed/.test(String(error.cause)), String(error))
  }
  const begun = outcome(b.members?.add('d'))
  await until('the change to be begun', () => a.members?.status().adding === 'd')
  const waiting = outcome(a.members?.add('e'))
  await b.close()
  await isRefused(begun)
  await a.close()
  await isRefused(waiting)
  await isRefused(outcome(a.members?.remove('c')))
})

test.serial('a majority is counted over the names that the mesh has now', async (t) => {
  const start = await growing(t)
  const [a, b, c] = (await Promise.all(FOUNDERS.map((name) => start(name)))) as [MeshStore, MeshStore, MeshStore]
  const d = await start('d', false)
  await changed(a.members, (members) => members.add('d'))
  const e = await start('e', false)
  await changed(a.members, (members) => members.add('e'))
  // Of five, two may go at a time, and three are left.
  await Promise.all([a.close(), b.close()])
  await until('the others to go on', () => c.status().view?.members.filter(({ role }) => role === 'full').length === 3)
  const key = 'key' as SessionKey
  const write = { expectedVersion: 0, expiresAtMs: Date.now() + HOUR_MS, body: 'x' }
  await until('a write', async () => (await inTime(() => d.write(key, write))) !== undefined)
  await until('it to be read', async () => (await inTime(() => e.read(key)))?.body === 'x')
  await c.close()
  await t.throwsAsync(d.write(key, { expectedVersion: 1, expiresAtMs: Date.now() + HOUR_MS, body: 'y' }), {
    code: 'STORE_UNAVAILABLE',
  })
})

test.serial('what may not change is refused with the reason', async (t) => {
  const start = await growing(t)
  const [a, b, c] = (await Promise.all(FOUNDERS.map((name) => start(name)))) as [MeshStore, MeshStore, MeshStore]
  const refuses = async (change: Promise<void> | undefined, reason: RegExp): Promise<void> => {
    const error = await t.throwsAsync(async () => await change, { code: 'STORE_UNAVAILABLE' })
    t.regex(String(error?.cause), reason)
  }
  await refuses(a.members?.add('x'), /x is none of a, b, c, d, e/)
  await refuses(a.members?.remove('b'), /b founds the mesh, and stays/)
  const adding = b.members?.add('d')
  await until('it to begin', () => b.members?.status().adding === 'd')
  await refuses(c.members?.add('e'), /another member is being added or removed/)
  // An addition that has not been completed can be taken back.
  await a.members?.remove('d')
  t.like(a.members?.status(), { counted: FOUNDERS, adding: undefined, spare: ['d', 'e'], apart: ['d', 'e'] })
  adding?.catch(() => {})
  t.is(meshStore({ url: `replicated:?name=a&peers=${await peerList(['a', 'b'])}` }).members, undefined)
})
