import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Redis } from 'ioredis'
import { StoreUnavailableError } from '../src/errors.ts'
import { newSessionId, sessionKey } from '../src/id.ts'
import { redisStore } from '../src/stores/redis.ts'
import { redisMissing, redisServer } from './support/redis-server.ts'
import { randomBytes } from 'node:crypto'
import type { SessionStore } from '../src/contract.ts'

const onRedis = redisMissing === undefined ? test : test.skip
if (redisMissing !== undefined) test.skip(`redis: ${redisMissing}`, () => {})

const inAnHour = (): number => Date.now() + 3_600_000
const key = sessionKey(newSessionId(randomBytes).handle)
const creation = { expectedVersion: 0, expiresAtMs: inAnHour(), body: 'one' }

async function healthy(store: SessionStore): Promise<void> {
  const deadlineAtMs = Date.now() + 15_000
  for (;;) {
    try {
      await store.health()
      return
    } catch (error) {
      if (Date.now() > deadlineAtMs) throw error
      await sleep(20)
    }
  }
}

test('a Redis that is not there is StoreUnavailableError once the bound on opening has passed', async (t) => {
  const store = redisStore({ url: 'redis://127.0.0.1:1', openTimeoutMs: 300 })
  await t.throwsAsync(store.open(), { instanceOf: StoreUnavailableError, message: /redis at 127\.0\.0\.1:1/ })
  await t.throwsAsync(store.read(key), { instanceOf: StoreUnavailableError })
  await store.close()
})

onRedis('a Redis that was killed and is back serves again, and calls meanwhile reject at once', async (t) => {
  const server = await redisServer()
  const store = redisStore({ url: server.url })
  await store.open()
  await store.write(key, creation)
  await server.stop()
  await t.throwsAsync(store.read(key), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(store.write(key, { ...creation, expectedVersion: 1 }), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(store.health(), { instanceOf: StoreUnavailableError })

  const revived = await redisServer({ port: server.port })
  t.teardown(() => revived.stop())
  await healthy(store)
  t.is(await store.read(key), undefined)
  t.is((await store.write(key, creation)).status, 'written')
  await store.close()
})

onRedis('a Redis that hangs is given up on within the timeout, and serves again when it goes on', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const store = redisStore({ url: server.url, timeoutMs: 200 })
  await store.open()
  await store.write(key, creation)
  server.process.kill('SIGSTOP')
  await t.throwsAsync(store.read(key), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(store.write(key, { ...creation, expectedVersion: 1 }), { instanceOf: StoreUnavailableError })
  server.process.kill('SIGCONT')
  await healthy(store)
  // The write that was given up on had reached the server's socket: it may be there, and it may be there once.
  const version = (await store.read(key))?.version
  t.true(version === 1 || version === 2, `version ${version}`)
  await store.close()
})

onRedis('scripts that the server has forgotten are sent anew', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const store = redisStore({ url: server.url })
  const admin = new Redis(server.url)
  await store.open()
  await store.write(key, creation)
  await admin.script('FLUSH')
  t.is((await store.write(key, { ...creation, expectedVersion: 1, body: 'two' })).status, 'written')
  t.is((await store.read(key))?.body, 'two')
  admin.disconnect()
  await store.close()
})

onRedis('nothing stays in the server past its time, fences included', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const store = redisStore({ url: server.url, prefix: 'shop:' })
  const admin = new Redis(server.url)
  await store.open()
  await store.write(key, { ...creation, expiresAtMs: Date.now() + 60_000 })
  t.deepEqual(await admin.keys('*'), [`shop:${key}`])
  const ttl = await admin.pttl(`shop:${key}`)
  t.true(ttl > 30_000 && ttl <= 60_000)
  await store.destroy(key, { fenceUntilMs: Date.now() + 20_000 })
  t.deepEqual(await admin.hgetall(`shop:${key}`), { v: '0' })
  const fenceTtl = await admin.pttl(`shop:${key}`)
  t.true(fenceTtl > 5_000 && fenceTtl <= 20_000)
  admin.disconnect()
  await store.close()
})

onRedis('a session takes one command to read and one to write', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const store = redisStore({ url: server.url })
  const admin = new Redis(server.url)
  await store.open()
  await store.write(key, creation)
  await admin.config('RESETSTAT')
  await store.read(key)
  await store.write(key, { ...creation, expectedVersion: 1 })
  const stats = await admin.info('commandstats')
  const called = [...stats.matchAll(/cmdstat_(\w+):calls=(\d+)/g)].map(([, command, calls]) => `${command} ${calls}`)
  // What a script calls inside the server counts as well; only hmget and evalsha crossed the network.
  t.deepEqual(called.filter((each) => /^(hmget|evalsha|eval|get|set) /.test(each)).sort(), ['evalsha 1', 'hmget 1'])
  admin.disconnect()
  await store.close()
})
