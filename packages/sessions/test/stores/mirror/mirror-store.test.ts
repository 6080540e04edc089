/** A store with a mirror: what the mirror gets, what it costs when it is out, and that it can take over. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { MembersStatus, SessionKey, SessionStore, StoreMembers } from '../../../src/contract.ts'
import { StoreConfigError, StoreUnavailableError } from '../../../src/errors.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import { mirrorStore } from '../../../src/stores/mirror/mirror.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import type { StoreEvent } from '../../../src/telemetry.ts'
import { conforms } from '../../support/conforms.ts'
import { postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { freePort, redisMissing, redisServer } from '../../support/redis/server.ts'
import { client, type Handler, shop } from '../../support/shop.ts'
import { until } from '../../support/until.ts'

conforms({
  of: 'a mirrored store',
  capabilities: memoryStore().capabilities,
  async open() {
    const store = mirrorStore({ store: memoryStore(), mirror: memoryStore() })
    await store.open()
    return store
  },
})

const onRedis = redisMissing === undefined ? test : test.skip

test('the members of a store that has a mirror are those of the store', (t) => {
  const members: StoreMembers = {
    status: () => ({ names: ['a', 'b', 'c'] }) as unknown as MembersStatus,
    add: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  }
  t.is(mirrorStore({ store: { ...memoryStore(), members }, mirror: memoryStore() }).members, members)
})

const KEY = 'k' as SessionKey
const isCaughtUp = (...stores: readonly SessionStore[]): Promise<void> =>
  until('the mirror to catch up', () => stores.every((store) => store.report?.().mirror?.queued === 0))

const routes: Readonly<Record<string, Handler>> = {
  '/login': (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u' }),
  '/count': (ctx) => ctx.session?.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1)),
  '/logout': (ctx) => void (ctx.session = null),
  '/': (ctx) => ctx.session,
}

function scratch(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-mirror-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function opened(t: ExecutionContext, url: string, onEvent?: (event: StoreEvent) => void): Promise<SessionStore> {
  const store = await openStore(url, onEvent === undefined ? {} : { onEvent })
  t.teardown(() => store.close())
  await store.open()
  return store
}

onRedis(
  'when the store is lost, the nodes go on with the mirror: who was logged in still is, and who was not is not',
  async (t) => {
    const redis = await redisServer()
    t.teardown(() => redis.stop())
    const backup = `sqlite:${scratch(t)}/backup.db`
    const url = `${redis.url}?timeoutMs=20000&mirror=${encodeURIComponent(backup)}`
    const nodes = [await opened(t, url), await opened(t, url)]
    const [one = '', other = ''] = await Promise.all(nodes.map((store) => shop(t, routes, { store })))
    const browsers = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const browser = client(one)
        await browser.get('/login')
        const elsewhere = client(other, browser.cookie)
        await Promise.all(Array.from({ length: 6 }, (_, n) => (n % 2 === 0 ? browser : elsewhere).get('/count')))
        return browser
      }),
    )
    const leaver = client(one)
    await leaver.get('/login')
    const { cookie } = leaver
    await leaver.get('/logout')
    await isCaughtUp(...nodes)
    await redis.stop()

    const promoted = await shop(t, routes, { store: await opened(t, backup) })
    for (const browser of browsers) {
      const { body } = await client(promoted, browser.cookie).get('/')
      t.deepEqual(body, { user: 'u', count: 6 })
    }
    t.deepEqual((await client(promoted, cookie).get('/')).body, {})
  },
)

onRedis('a mirror that is out costs requests nothing, is reported, and gets what it missed', async (t) => {
  const port = await freePort()
  const events: StoreEvent['event'][] = []
  const mirrorUrl = `redis://127.0.0.1:${port}?timeoutMs=200`
  const url = `sqlite:${scratch(t)}/main.db?mirror=${encodeURIComponent(mirrorUrl)}`
  const store = await opened(t, url, ({ event }) => events.push(event))
  const browser = client(await shop(t, routes, { store }))
  await browser.get('/login')
  t.is((await browser.get('/count')).body, 1)
  await until('the outage to be told', () => events.includes('mirror-down'))
  const report = store.report?.()
  t.true((report?.mirror?.queued ?? 0) > 0)
  t.regex(report?.warnings.join() ?? '', /the mirror redis is out: \d+ changed sessions wait for it/)
  t.is((await browser.get('/count')).body, 2)

  const redis = await redisServer({ port })
  t.teardown(() => redis.stop())
  await isCaughtUp(store)
  t.true(events.includes('mirror-up'))
  t.is(store.report?.().mirror?.lagMs, 0)
  const mirror = await opened(t, `${redis.url}?timeoutMs=20000`)
  t.deepEqual((await client(await shop(t, routes, { store: mirror }), browser.cookie).get('/')).body, {
    user: 'u',
    count: 2,
  })
})

const onPostgres = postgresMissing === undefined ? test : test.skip
if (postgresMissing !== undefined) test.skip(`postgres: ${postgresMissing}`, () => {})

onPostgres('a database that is out when the node starts is opened as a mirror once it is there', async (t) => {
  const postgres = await postgresServer()
  t.teardown(() => postgres.stop())
  await postgres.kill()
  const events: StoreEvent['event'][] = []
  const mirrorUrl = `${postgres.url}?openTimeoutMs=3000`
  const url = `sqlite:${scratch(t)}/main.db?mirror=${encodeURIComponent(mirrorUrl)}`
  const store = await opened(t, url, ({ event }) => events.push(event))
  const browser = client(await shop(t, routes, { store }))
  await browser.get('/login')
  await until('the outage to be told', () => events.includes('mirror-down'))
  await postgres.start()
  await isCaughtUp(store)
  const promoted = await shop(t, routes, { store: await opened(t, postgres.url) })
  t.deepEqual((await client(promoted, browser.cookie).get('/')).body, { user: 'u' })
})

test('sessions move to a store with a mirror, nobody is logged out, and the mirror can take over from there', async (t) => {
  const directory = scratch(t)
  const file = (name: string): string => `sqlite:${directory}/${name}.db`
  const old = await opened(t, file('old'))
  const browser = client(await shop(t, routes, { store: old }))
  await browser.get('/login')
  await browser.get('/count')

  const to = `${file('new')}?mirror=${encodeURIComponent(file('backup'))}`
  const moving = await opened(
    t,
    `moving:?step=move&from=${encodeURIComponent(file('old'))}&to=${encodeURIComponent(to)}`,
  )
  const meanwhile = client(await shop(t, routes, { store: moving }), browser.cookie)
  t.is((await meanwhile.get('/count')).body, 2)
  await isCaughtUp(moving)

  for (const url of [to, file('backup')]) {
    const later = client(await shop(t, routes, { store: await opened(t, url) }), meanwhile.cookie)
    t.deepEqual((await later.get('/')).body, { user: 'u', count: 2 })
  }
})

test('the end of a session is copied even if more changes wait than the queue takes', async (t) => {
  const mirror = memoryStore()
  const store = mirrorStore({ store: memoryStore(), mirror, queueMax: 2 })
  await store.open()
  const write = { expectedVersion: 0, expiresAtMs: Date.now() + 60_000, body: 'b' }
  await store.write(KEY, write)
  await isCaughtUp(store)
  const read = mirror.read.bind(mirror)
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  mirror.read = async (key) => held.then(() => read(key))
  for (let n = 0; n < 20; n++) await store.write(`k${n}` as SessionKey, write)
  await store.destroy(KEY, { fenceUntilMs: Date.now() + 60_000 })
  letGo()
  await isCaughtUp(store)
  t.is(await mirror.read(KEY), undefined)
})

onRedis('a store that is lost while changes wait does not make its mirror count as out', async (t) => {
  const redis = await redisServer()
  t.teardown(() => redis.stop())
  const events: StoreEvent['event'][] = []
  const primary = await opened(t, `${redis.url}?timeoutMs=5000`)
  const mirror = memoryStore()
  const read = mirror.read.bind(mirror)
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  let reads = 0
  mirror.read = async (key) => {
    await held
    reads++
    return await read(key)
  }
  const store = mirrorStore({ store: primary, mirror, onEvent: ({ event }) => events.push(event) })
  await store.open()
  await store.write(KEY, { expectedVersion: 0, expiresAtMs: Date.now() + 60_000, body: 'b' })
  await redis.stop()
  letGo()
  await until('the copy to be tried again', () => reads >= 2)
  t.deepEqual(events, [])
  t.true((store.report?.().mirror?.queued ?? 0) > 0)
  t.deepEqual(
    store.report?.().warnings?.filter((line) => line.includes('the mirror')),
    [],
  )
})

test('many changes of one record are few copies, and further records than the queue takes are told', async (t) => {
  const events: StoreEvent['event'][] = []
  const mirror = memoryStore()
  const read = mirror.read.bind(mirror)
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  mirror.read = async (key) => held.then(() => read(key))
  const onEvent = ({ event }: StoreEvent): void => void events.push(event)
  const store = mirrorStore({ store: memoryStore(), mirror, onEvent, queueMax: 2 })
  await store.open()
  const expiresAtMs = Date.now() + 60_000
  for (let expectedVersion = 0; expectedVersion < 50; expectedVersion++)
    await store.write(KEY, { expectedVersion, expiresAtMs, body: String(expectedVersion) })
  t.is(store.report?.().mirror?.queued, 2)
  for (let n = 0; n < 20; n++) await store.write(`k${n}` as SessionKey, { expectedVersion: 0, expiresAtMs, body: 'b' })
  t.deepEqual(events, ['mirror-skips'])
  letGo()
  await isCaughtUp(store)
  t.is((await mirror.read(KEY))?.body, '49')
  const { copied = 0, skipped = 0 } = store.report?.().mirror ?? {}
  t.true(copied < 15)
  t.true(skipped > 0)
})

test('a record that the mirror refuses is put aside, the others are copied, and its next change is tried again', async (t) => {
  const events: StoreEvent['event'][] = []
  const mirror = memoryStore()
  const write = mirror.write.bind(mirror)
  mirror.write = async (key, record) => {
    if (key === KEY) throw new StoreUnavailableError('the mirror', new Error('too large for the cache'))
    return await write(key, record)
  }
  const store = mirrorStore({ store: memoryStore(), mirror, onEvent: ({ event }) => void events.push(event) })
  await store.open()
  const record = { expectedVersion: 0, expiresAtMs: Date.now() + 60_000, body: 'b' }
  await store.write(KEY, record)
  let others = 0
  const isRefused = async (): Promise<void> => {
    await until('it to be refused', async () => {
      await store.write(`other ${others++}` as SessionKey, record)
      return store.report?.().mirror?.refused === 1
    })
  }
  await isRefused()
  await isCaughtUp(store)
  t.is(events.at(-1), 'mirror-refuses')
  t.true(store.report?.().warnings?.some((line) => line.includes('refuses 1 changed sessions')))
  const told = events.length
  await store.write(KEY, { ...record, expectedVersion: 1 })
  await isRefused()
  await isCaughtUp(store)
  t.is(events.length, told)
  t.truthy(await mirror.read(`other ${others - 1}` as SessionKey))
  mirror.write = write
  await store.write(KEY, { ...record, expectedVersion: 2, body: 'smaller' })
  await isCaughtUp(store)
  t.is((await mirror.read(KEY))?.body, 'smaller')
  t.is(store.report?.().mirror?.refused, 0)
})

test('what is told of a copy does not bear the id of the request that began it', async (t) => {
  const requestIds = new AsyncLocalStorage<string>()
  const told: [StoreEvent['event'], string | undefined][] = []
  const mirror = { ...memoryStore(), write: () => Promise.reject(new Error('ECONNREFUSED')) }
  const onEvent = ({ event }: StoreEvent) => void told.push([event, requestIds.getStore()])
  const store = mirrorStore({ store: memoryStore(), mirror, onEvent })
  await store.open()
  const write = { expectedVersion: 0, expiresAtMs: Date.now() + 60_000, body: 'b' }
  await requestIds.run('request 1', () => store.write(KEY, write))
  await until('the outage to be told', () => told.length > 0)
  t.deepEqual(told, [['mirror-down', undefined]])
})

test('a store that nodes do not share, or that clients carry, is no mirror and has none', async (t) => {
  const refused = async (url: string, message: RegExp) =>
    t.throwsAsync(openStore(url), { instanceOf: StoreConfigError, message })
  await refused('redis://h?mirror=memory%3A', /^mirror= is one that nodes share, and not memory: /)
  await refused('memory:?mirror=redis%3A%2F%2Fh', /^a store with mirror= is one that nodes share, and not memory: /)
  await refused('token:?mirror=redis%3A%2F%2Fh', /^a store with mirror= keeps its sessions, and token/)
  await refused('redis://h?mirror=redis%3A%2F%2Fh', /^mirror= is the store itself$/)
  await refused('redis://h?mirror=', /mirror/)
})
