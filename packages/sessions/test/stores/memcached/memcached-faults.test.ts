import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import type { SessionStore } from '../../../src/contract.ts'
import { StoreConfigError, StoreFullError, StoreRefusedError, StoreUnavailableError } from '../../../src/errors.ts'
import { memcachedStore } from '../../../src/stores/memcached/memcached.ts'
import type { StoreEvent } from '../../../src/telemetry.ts'
import { type MemcachedServer, memcachedMissing, memcachedOf, memcachedServer } from '../../support/memcached/server.ts'
import { certificate, privateKey } from '../../support/redis/certificate.ts'
import { change, creation, freshKey, inAnHour } from '../../support/records.ts'
import { until } from '../../support/until.ts'

const onMemcached = memcachedMissing === undefined ? test : test.skip
if (memcachedMissing !== undefined) test.skip(`memcached: ${memcachedMissing}`, () => {})

const UNAVAILABLE = { instanceOf: StoreUnavailableError }
const DAY_MS = 24 * 3_600_000

async function opened(t: ExecutionContext, url: string, events: StoreEvent[] = []): Promise<SessionStore> {
  const store = memcachedStore({ url, onEvent: (event) => void events.push(event) })
  t.teardown(() => store.close())
  await store.open()
  return store
}

/** Its threads stop one after the other. */
async function hung({ process }: MemcachedServer, store: SessionStore): Promise<void> {
  process.kill('SIGSTOP')
  await until('it to hang', () =>
    store.health().then(
      () => false,
      () => true,
    ),
  )
}

test('a Memcached that is not there is StoreUnavailableError once the bound on opening has passed', async (t) => {
  const store = memcachedStore({ url: 'memcached://127.0.0.1:1?openTimeoutMs=300' })
  await t.throwsAsync(store.open(), { ...UNAVAILABLE, message: /memcached at 127\.0\.0\.1:1/ })
  await t.throwsAsync(store.read(freshKey()), UNAVAILABLE)
  await t.throwsAsync(store.health(), UNAVAILABLE)
  t.regex(store.report?.().warnings[0] ?? '', /memcached at 127\.0\.0\.1:1 does not answer \(.*ECONNREFUSED/)
  await store.close()
})

test('a name that leads nowhere is an outage, and not a miss', async (t) => {
  const store = memcachedStore({ url: 'memcached://no-such-host.invalid?timeoutMs=500' })
  await t.throwsAsync(store.read(freshKey()), UNAVAILABLE)
  await store.close()
})

onMemcached(
  'one that was killed is unavailable; when it is back its sessions are absent, and it says so',
  async (t) => {
    const server = await memcachedServer()
    const events: StoreEvent[] = []
    const store = await opened(t, server.url, events)
    const key = freshKey()
    await store.write(key, creation())
    await server.stop()
    await t.throwsAsync(store.read(key), UNAVAILABLE)
    await t.throwsAsync(store.write(key, change(1, 'private to the user')), UNAVAILABLE)
    await t.throwsAsync(store.touch(key, inAnHour() + DAY_MS), UNAVAILABLE)
    await t.throwsAsync(store.destroy(key, { fenceUntilMs: inAnHour() }), UNAVAILABLE)
    const error = await t.throwsAsync(store.health(), UNAVAILABLE)
    t.notRegex(inspect(error, { depth: null }), /private to the user/)
    t.deepEqual(events, [])

    const revived = await memcachedServer({ port: server.port })
    t.teardown(() => revived.stop())
    t.is(await store.read(key), undefined)
    t.deepEqual(await store.write(key, change(1)), { status: 'gone' })
    await until('the loss to be noticed', () => events.length > 0)
    t.deepEqual(events, [{ event: 'sessions-forgotten', server: `memcached at 127.0.0.1:${server.port}` }])
    t.like(store.report?.().memcached?.servers[0], { isUp: true, restarts: 1 })
    t.is((await store.write(key, creation())).status, 'written')
  },
)

onMemcached('one that hangs is given up on within the timeout, and serves again when it goes on', async (t) => {
  const server = await memcachedOf(t)
  const store = await opened(t, `${server.url}?timeoutMs=1000`)
  const key = freshKey()
  await store.write(key, creation())
  await hung(server, store)
  const startedAtMs = performance.now()
  await t.throwsAsync(store.read(key), UNAVAILABLE)
  t.true(performance.now() - startedAtMs < 30_000)
  await t.throwsAsync(store.write(key, change(1)), UNAVAILABLE)
  await t.throwsAsync(store.destroy(freshKey(), { fenceUntilMs: inAnHour() }), UNAVAILABLE)
  server.process.kill('SIGCONT')
  await until('the store to be healthy', () => store.health().then(() => true))
  // The write that was given up on may have reached the server's socket: it may be there, and it may be there once.
  const version = (await store.read(key))?.version
  t.true(version === 1 || version === 2, String(version))
})

onMemcached('many calls at once through a pause are all refused in time, and none is taken for a miss', async (t) => {
  const server = await memcachedOf(t)
  const store = await opened(t, `${server.url}?timeoutMs=1000`)
  const keys = Array.from({ length: 50 }, freshKey)
  await Promise.all(keys.map((key) => store.write(key, creation(key))))
  await hung(server, store)
  const refused = await Promise.allSettled(keys.map((key) => store.read(key)))
  t.true(refused.every(({ status }) => status === 'rejected'))
  server.process.kill('SIGCONT')
  await until('the store to be healthy', () => store.health().then(() => true))
  const records = await Promise.all(keys.map((key) => store.read(key)))
  t.deepEqual(
    records.map((record) => record?.body),
    keys,
  )
})

onMemcached('one that is full evicts, and says how much', async (t) => {
  const server = await memcachedOf(t, '-m', '2')
  const events: StoreEvent[] = []
  const store = await opened(t, server.url, events)
  const keys = Array.from({ length: 300 }, freshKey)
  const body = 'x'.repeat(50_000)
  for (const key of keys) await store.write(key, creation(body))
  await until('the eviction to be noticed', async () => {
    await store.read(freshKey())
    return events.length > 0
  })
  const [evicted] = events
  t.like(evicted, { event: 'sessions-evicted', server: `memcached at 127.0.0.1:${server.port}` })
  const kept = (await Promise.all(keys.map((key) => store.read(key)))).filter((record) => record !== undefined).length
  t.true(kept < keys.length)
  t.true(evicted?.event === 'sessions-evicted' && evicted.records > 0 && evicted.records <= keys.length)
  t.regex(store.report?.().warnings.join() ?? '', /is full and has evicted \d+ records/)
})

onMemcached('a destroyed session whose fence was evicted is not brought back by a slow writer', async (t) => {
  const server = await memcachedOf(t)
  const store = await opened(t, server.url)
  const key = freshKey()
  await store.write(key, creation())
  await store.destroy(key, { fenceUntilMs: inAnHour() })
  t.is(await server.ask(`delete ninelives:${key}`, /\r\n$/), 'DELETED\r\n')
  t.deepEqual(await store.write(key, change(1, 'back')), { status: 'gone' })
  t.false(await store.touch(key, inAnHour() + DAY_MS))
  t.is(await store.read(key), undefined)
})

onMemcached('one that is full and must not evict refuses another session, and keeps those it has', async (t) => {
  const server = await memcachedOf(t, '-m', '2', '-M')
  const store = await opened(t, server.url)
  const first = freshKey()
  await store.write(first, creation())
  const body = 'x'.repeat(50_000)
  const full = await t.throwsAsync(async () => {
    for (let session = 0; session < 500; session++) await store.write(freshKey(), creation(body))
  })
  t.true(full instanceof StoreFullError, String(full))
  t.is((await store.read(first))?.body, 'one')
  await store.health()
})

onMemcached('a session that is larger than an item may be is refused by name, and the stored one stays', async (t) => {
  const server = await memcachedOf(t)
  const store = await opened(t, server.url)
  const key = freshKey()
  await store.write(key, creation())
  for (const write of [
    store.write(key, change(1, 'x'.repeat(3_000_000))),
    store.write(freshKey(), creation('x'.repeat(1_048_576))),
  ]) {
    await t.throwsAsync(write, {
      instanceOf: StoreRefusedError,
      message: /items are smaller than this session: raise its -I/,
    })
  }
  t.is((await store.read(key))?.body, 'one')
})

onMemcached('one without compare-and-set can not be opened', async (t) => {
  const server = await memcachedOf(t, '-C')
  await t.throwsAsync(opened(t, server.url), {
    instanceOf: StoreConfigError,
    message: /-C, which disables the compare-and-set/,
  })
})

/** The seconds that the server itself keeps a record. */
async function secondsKept(server: { ask(line: string, end?: RegExp): Promise<string> }, key: string): Promise<number> {
  const answer = await server.ask(`mg ninelives:${key} t`, /\r\n$/)
  return Number(/ t(-?\d+)/.exec(answer)?.[1])
}

onMemcached('nothing stays in the server past its time, fences included, and nothing stays too briefly', async (t) => {
  const server = await memcachedOf(t)
  const store = await opened(t, server.url)
  await until('the clocks to be compared', () => (store.report?.().memcached?.servers[0]?.bytesMax ?? 0) > 0)
  for (const days of [0.001, 1, 29, 30, 31, 365]) {
    const key = freshKey()
    await store.write(key, { ...creation(), expiresAtMs: Date.now() + days * DAY_MS })
    t.is((await store.read(key))?.version, 1, `${days} days`)
    const seconds = await secondsKept(server, key)
    t.true(seconds >= days * 86_400 && seconds <= days * 86_400 + 10, `${days} days are ${seconds} seconds`)
  }
  const key = freshKey()
  await store.write(key, creation())
  await store.destroy(key, { fenceUntilMs: Date.now() + 20_000 })
  const seconds = await secondsKept(server, key)
  t.true(seconds >= 15 && seconds <= 25, `a fence of 20 seconds is kept ${seconds} seconds`)
  await store.touch(key, inAnHour())
  await store.destroy(key, { fenceUntilMs: Date.now() - 1 })
  t.is((await store.write(key, creation())).status, 'written')
})

onMemcached("another program's value is refused, and left alone", async (t) => {
  const server = await memcachedOf(t)
  const store = await opened(t, server.url)
  const key = freshKey()
  t.is(await server.ask(`set ninelives:${key} 0 0 5\r\nother`, /\r\n$/), 'STORED\r\n')
  await t.throwsAsync(store.read(key), { instanceOf: StoreRefusedError, message: /another program's value/ })
  await t.throwsAsync(store.write(key, creation()), { instanceOf: StoreRefusedError })
  t.regex(await server.ask(`get ninelives:${key}`), /\r\nother\r\n/)
})

onMemcached('a connection by TLS is encrypted, and its certificate is checked', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'ninelives-memcached-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const [ca, key] = [join(directory, 'ca.pem'), join(directory, 'key.pem')]
  await Promise.all([writeFile(ca, certificate), writeFile(key, privateKey)])
  const server = await memcachedOf(t, '-Z', '-o', `ssl_chain_cert=${ca},ssl_key=${key}`)
  const at = `memcacheds://127.0.0.1:${server.port}?openTimeoutMs=300`
  const store = await opened(t, `${at}&ca=${ca}`)
  const sessionKey = freshKey()
  await store.write(sessionKey, creation())
  t.is((await store.read(sessionKey))?.body, 'one')

  const untrusting = memcachedStore({ url: at })
  t.teardown(() => untrusting.close())
  const error = await t.throwsAsync(untrusting.open(), UNAVAILABLE)
  t.regex(String(error?.cause), /self-signed certificate/)
  t.throws(() => memcachedStore({ url: `${at}&ca=/no/such/file` }), {
    instanceOf: StoreConfigError,
    message: /ca .* '\/no\/such\/file', which can't be read/,
  })
})

onMemcached('one that wants a password is an outage that says so', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'ninelives-memcached-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const users = join(directory, 'users')
  await writeFile(users, 'user:password\n')
  const server = await memcachedOf(t, '-Y', users)
  const store = memcachedStore({ url: `${server.url}?openTimeoutMs=300` })
  t.teardown(() => store.close())
  const error = await t.throwsAsync(store.open(), UNAVAILABLE)
  t.regex(String(error?.cause), /unauthenticated/)
})
