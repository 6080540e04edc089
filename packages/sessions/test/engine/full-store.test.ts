import { randomBytes } from 'node:crypto'
import test from 'ava'
import type { SessionKey, SessionStore } from '../../src/contract.ts'
import { StoreFullError } from '../../src/errors.ts'
import { newSessionId, sessionKey } from '../../src/secrets/id.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { meshNodes } from '../support/mesh/nodes.ts'

const HOUR_MS = 3_600_000

async function created(store: SessionStore, givesWay: boolean): Promise<SessionKey> {
  const key = sessionKey(newSessionId(randomBytes).handle)
  const expiresAtMs = Date.now() + HOUR_MS
  const { status } = await store.write(key, { expectedVersion: 0, expiresAtMs, body: 'body', givesWay })
  if (status !== 'written') throw new Error(`the record was not written: ${status}`)
  return key
}

async function present(store: SessionStore, keys: readonly SessionKey[]): Promise<boolean[]> {
  return await Promise.all(keys.map(async (key) => (await store.read(key)) !== undefined))
}

async function several(count: number, create: () => Promise<SessionKey>): Promise<SessionKey[]> {
  const keys: SessionKey[] = []
  while (keys.length < count) keys.push(await create())
  return keys
}

test('a full memory store gives up the visitor that was used longest ago, and no user', async (t) => {
  const store = memoryStore({ recordsMax: 5 })
  const users = await several(2, () => created(store, false))
  const visitors = await several(3, () => created(store, true))
  await store.touch(visitors[0] as SessionKey, Date.now() + 2 * HOUR_MS)

  users.push(await created(store, false))
  t.deepEqual(await present(store, visitors), [true, false, true])
  const another = await created(store, true)
  t.deepEqual(await present(store, [...visitors, another]), [true, false, false, true])
  users.push(await created(store, false), await created(store, false))
  t.deepEqual(await present(store, [...visitors, another]), [false, false, false, false])
  t.deepEqual(await present(store, users), [true, true, true, true, true])
  t.is(store.localSessionCount?.(), 5)
})

test('a memory store that is full of users refuses another and is not healthy, until there is room', async (t) => {
  const store = memoryStore({ recordsMax: 2 })
  const [visitor] = await several(2, () => created(store, true))
  await store.health()
  // A visitor that logs in gives way no more, under the key that it has.
  const write = { expectedVersion: 1, expiresAtMs: Date.now() + HOUR_MS, body: 'user' }
  await store.write(visitor as SessionKey, write)
  const user = await created(store, false)
  await t.throwsAsync(store.health(), { instanceOf: StoreFullError })
  for (const givesWay of [true, false]) await t.throwsAsync(created(store, givesWay), { instanceOf: StoreFullError })
  t.deepEqual(await present(store, [visitor as SessionKey, user]), [true, true])
  await store.destroy(user, { fenceUntilMs: Date.now() - 1 })
  t.is(await store.read(user), undefined)
  await store.health()
  t.deepEqual(await present(store, [await created(store, false)]), [true])
})

test('a fence for a session that a full memory store gave up finds room', async (t) => {
  const store = memoryStore({ recordsMax: 2 })
  const [given] = await several(3, () => created(store, true))
  await store.destroy(given as SessionKey, { fenceUntilMs: Date.now() + HOUR_MS })
  const write = { expectedVersion: 0, expiresAtMs: Date.now() + HOUR_MS, body: 'back' }
  t.deepEqual(await store.write(given as SessionKey, write), { status: 'gone' })
})

for (const scheme of ['replicated:?', 'clustered:?copies=2&']) {
  test(`${scheme} a tenth of the room is for users, and once that is taken too no node is healthy`, async (t) => {
    const mesh = await meshNodes(t, { scheme, recordsMax: 20 })
    const [a, b] = [mesh.node('a'), mesh.node('b')]
    await several(18, () => created(a, true))
    await t.throwsAsync(created(b, true), { instanceOf: StoreFullError })
    await b.health()
    const users = await several(2, () => created(b, false))
    t.deepEqual(await present(a, users), [true, true])
    for (const store of [a, b]) {
      await t.throwsAsync(created(store, false), { instanceOf: StoreFullError })
      await t.throwsAsync(store.health(), { instanceOf: StoreFullError })
    }
  })
}
