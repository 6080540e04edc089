/** Sessions spread over three servers, of which some die or hang. */
import test, { type ExecutionContext } from 'ava'
import type { Capabilities, SessionKey, SessionStore } from '../../../src/contract.ts'
import { StoreRefusedError, StoreUnavailableError } from '../../../src/errors.ts'
import { memcachedStore } from '../../../src/stores/memcached/memcached.ts'
import type { StoreEvent } from '../../../src/telemetry.ts'
import { conforms } from '../../support/conforms.ts'
import { type MemcachedServer, memcachedMissing, memcachedOf, memcachedServer } from '../../support/memcached/server.ts'
import { change, creation, freshKey } from '../../support/records.ts'
import { until } from '../../support/until.ts'

const onMemcached = memcachedMissing === undefined ? test : test.skip
if (memcachedMissing !== undefined) test.skip(`memcached: ${memcachedMissing}`, () => {})

const SESSIONS = 60

function urlOf(servers: readonly MemcachedServer[], timeoutMs = 1_000): string {
  return `memcached://${servers.map(({ port }) => `127.0.0.1:${port}`).join()}?timeoutMs=${timeoutMs}&openTimeoutMs=1500`
}

async function opened(t: ExecutionContext, url: string, events: StoreEvent[] = []): Promise<SessionStore> {
  const store = memcachedStore({ url, onEvent: (event) => void events.push(event) })
  t.teardown(() => store.close())
  await store.open()
  return store
}

async function written(store: SessionStore): Promise<SessionKey[]> {
  const keys = Array.from({ length: SESSIONS }, freshKey)
  await Promise.all(keys.map((key) => store.write(key, creation(key))))
  return keys
}

interface Reads {
  readonly there: readonly SessionKey[]
  readonly absent: readonly SessionKey[]
  readonly refused: readonly SessionKey[]
}

async function reads(t: ExecutionContext, store: SessionStore, keys: readonly SessionKey[]): Promise<Reads> {
  const found = await Promise.all(
    keys.map(async (key) => {
      try {
        return { key, is: (await store.read(key)) === undefined ? 'absent' : 'there' } as const
      } catch (error) {
        t.true(error instanceof StoreRefusedError, String(error))
        return { key, is: 'refused' } as const
      }
    }),
  )
  const those = (is: string) => found.filter((each) => each.is === is).map(({ key }) => key)
  return { there: those('there'), absent: those('absent'), refused: those('refused') }
}

if (memcachedMissing === undefined) {
  const servers = Promise.all([memcachedServer(), memcachedServer(), memcachedServer()])
  test.after.always(async () => await Promise.all((await servers).map((server) => server.stop())))
  const capabilities: Capabilities = {
    ...memcachedStore({ url: 'memcached://localhost' }).capabilities,
    fences: 'held',
  }
  conforms({ capabilities, open: async () => await openedOn(await servers) })
}

async function openedOn(servers: readonly MemcachedServer[]): Promise<SessionStore> {
  const store = memcachedStore({ url: urlOf(servers, 10_000) })
  await store.open()
  return store
}

onMemcached('a server that hangs makes its share unavailable, and nothing of it is begun elsewhere', async (t) => {
  const servers = await Promise.all([memcachedOf(t), memcachedOf(t), memcachedOf(t)])
  const events: StoreEvent[] = []
  const store = await opened(t, urlOf(servers), events)
  const keys = await written(store)
  servers[1]?.process.kill('SIGSTOP')
  // Its threads stop one after the other.
  await until('it to hang', async () => (await reads(t, store, keys)).refused.length > 0)
  const paused = await reads(t, store, keys)
  t.true(paused.there.length > 0 && paused.refused.length > 0)
  t.deepEqual(paused.absent, [])
  for (const key of paused.refused) await t.throwsAsync(store.write(key, change(1)), { instanceOf: StoreRefusedError })
  const [refused = freshKey()] = paused.refused
  await t.throwsAsync(store.write(refused, creation('elsewhere')), { instanceOf: StoreRefusedError })
  await store.health()
  t.like(
    events.find(({ event }) => event === 'store-down'),
    { event: 'store-down', store: `memcached at 127.0.0.1:${servers[1]?.port}` },
  )
  const isUp = () => store.report?.().memcached?.servers.map((server) => server.isUp)
  await until('the report to know', () => String(isUp()) === 'true,false,true')

  servers[1]?.process.kill('SIGCONT')
  await until('every session', async () => (await reads(t, store, keys)).there.length === SESSIONS)
  const bodies = await Promise.all(keys.map(async (key) => (await store.read(key))?.body))
  t.true(bodies.every((body, index) => body === keys[index] || body === 'changed'))
  t.false(events.some(({ event }) => event === 'sessions-forgotten'))
})

onMemcached('a server that died and is back has lost its share, says so, and the others keep theirs', async (t) => {
  const servers = await Promise.all([memcachedOf(t), memcachedServer(), memcachedOf(t)])
  const events: StoreEvent[] = []
  const store = await opened(t, urlOf(servers), events)
  const keys = await written(store)
  await servers[1].stop()
  const dead = await reads(t, store, keys)
  t.deepEqual(dead.absent, [])
  t.is(dead.there.length + dead.refused.length, SESSIONS)
  // A node that starts now serves the others' share.
  const late = await opened(t, urlOf(servers))
  t.deepEqual((await reads(t, late, keys)).there, dead.there)
  t.regex(late.report?.().warnings.join() ?? '', /does not answer \(.*ECONNREFUSED.*unavailable/)

  const revived = await memcachedServer({ port: servers[1].port })
  t.teardown(() => revived.stop())
  await until('every call to be answered', async () => (await reads(t, store, keys)).refused.length === 0)
  const { there, absent } = await reads(t, store, keys)
  t.deepEqual([there, absent], [dead.there, dead.refused])
  await until('the loss to be noticed', () => events.some(({ event }) => event === 'sessions-forgotten'))
})

onMemcached('without any server it is not healthy, and can not be opened', async (t) => {
  const servers = await Promise.all([memcachedServer(), memcachedServer()])
  const store = await opened(t, urlOf(servers))
  await Promise.all(servers.map((server) => server.stop()))
  await t.throwsAsync(store.health(), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(store.read(freshKey()), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(opened(t, urlOf(servers)), { instanceOf: StoreUnavailableError })
})
