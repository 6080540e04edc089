import { inspect } from 'node:util'
import test from 'ava'
import type { Redis } from 'ioredis'
import type { SessionStore } from '../../../src/contract.ts'
import { StoreUnavailableError } from '../../../src/errors.ts'
import { redisConnection } from '../../../src/stores/redis/connection.ts'
import { redisStore } from '../../../src/stores/redis/redis.ts'
import { redisLocation } from '../../../src/stores/redis/url.ts'
import { redisRelay } from '../../support/redis/relay.ts'
import { redisMissing, redisServer } from '../../support/redis/server.ts'
import { until } from '../../support/until.ts'
import { change, creation, freshKey, inAnHour } from '../../support/records.ts'
import { openRedis } from '../../support/redis/sessions.ts'

const onRedis = redisMissing === undefined ? test : test.skip
if (redisMissing !== undefined) test.skip(`redis: ${redisMissing}`, () => {})

const UNAVAILABLE = { instanceOf: StoreUnavailableError }

async function healthy(store: SessionStore): Promise<void> {
  await until('the store to be healthy', () => store.health().then(() => true))
}

test('opening a Redis that is not there rejects with StoreUnavailableError at its bound', async (t) => {
  const store = redisStore({ url: 'redis://127.0.0.1:1', openTimeoutMs: 300 })
  await t.throwsAsync(store.open(), { ...UNAVAILABLE, message: /redis at 127\.0\.0\.1:1/ })
  await t.throwsAsync(store.read(freshKey()), UNAVAILABLE)
  await store.close()
})

onRedis('a Redis that was killed and starts from nothing serves again, without the sessions it had', async (t) => {
  const server = await redisServer()
  const store = await openRedis(t, { url: server.url })
  const key = freshKey()
  await store.write(key, creation())
  await server.stop()
  await t.throwsAsync(store.read(key), UNAVAILABLE)
  await t.throwsAsync(store.write(key, change(1)), UNAVAILABLE)
  await t.throwsAsync(store.health(), UNAVAILABLE)

  const revived = await redisServer({ port: server.port })
  t.teardown(() => revived.stop())
  await healthy(store)
  t.is(await store.read(key), undefined)
  t.deepEqual(await store.write(key, change(1)), { status: 'gone' })
  t.is((await store.write(key, creation())).status, 'written')
})

onRedis('a Redis that hangs is given up on within the timeout, and serves again when it goes on', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const store = await openRedis(t, { url: server.url, timeoutMs: 200 })
  const key = freshKey()
  await until('a session', async () => (await store.write(key, creation())).status !== 'gone')
  server.process.kill('SIGSTOP')
  await t.throwsAsync(store.read(key), UNAVAILABLE)
  await t.throwsAsync(store.write(key, change(1)), UNAVAILABLE)
  server.process.kill('SIGCONT')
  await healthy(store)
  // The write that was given up on had reached the server's socket: it may be there, and it may be there once.
  await until('an answer', async () => {
    const version = (await store.read(key))?.version
    return version === 1 || version === 2
  })
})

onRedis(
  'a connection that stays silent is left, so that calls are refused at once until there is another',
  async (t) => {
    const server = await redisServer()
    t.teardown(() => server.stop())
    const store = await openRedis(t, { url: server.url, timeoutMs: 300 })
    server.process.kill('SIGSTOP')
    const reasons: unknown[] = []
    await until('calls to be refused because there is no connection', async () => {
      const error: unknown = await store.read(freshKey()).catch((error: unknown) => error)
      t.true(error instanceof StoreUnavailableError)
      reasons.push((error as Error).cause)
      return !/timed out/.test(String((error as Error).cause))
    })
    t.regex(String(reasons[0]), /timed out/)
    server.process.kill('SIGCONT')
    await healthy(store)
  },
)

onRedis('a socket gets no listener for each failed call, however often Redis hangs', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const connection = redisConnection(redisLocation(server.url), 2_000)
  t.teardown(() => connection.close())
  const redis = connection.client as Redis
  for (let round = 0; round < 3; round++) {
    await connection.open(20_000)
    const { stream } = redis
    const listeners = stream.listenerCount('close')
    server.process.kill('SIGSTOP')
    for (let failure = 0; failure < 20; failure++) redis.disconnect(true)
    t.is(stream.listenerCount('close'), listeners + 1)
    server.process.kill('SIGCONT')
    await until('another connection', async () => redis.status === 'ready' && redis.stream !== stream)
  }
})

onRedis('a Redis that was paused by its administrator is given up on, and serves again', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const store = await openRedis(t, { url: server.url, timeoutMs: 300 })
  const key = freshKey()
  await until('a session', async () => (await store.write(key, creation())).status !== 'gone')
  await server.ask('CLIENT', 'PAUSE', 1_500, 'ALL')
  await t.throwsAsync(store.read(key), UNAVAILABLE)
  await t.throwsAsync(store.write(key, change(7)), UNAVAILABLE)
  await healthy(store)
  await until('the session to be read', async () => (await store.read(key))?.version === 1)
})

onRedis('after FLUSHALL a session is absent, and a write that builds on it is refused', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const store = await openRedis(t, { url: server.url })
  const key = freshKey()
  await store.write(key, creation())
  await server.ask('FLUSHALL')
  t.is(await store.read(key), undefined)
  t.false(await store.touch(key, inAnHour()))
  t.deepEqual(await store.write(key, change(1)), { status: 'gone' })
})

onRedis('a server that was made a replica is not available for changes, until it is a primary again', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const store = await openRedis(t, { url: server.url })
  const key = freshKey()
  await store.write(key, creation())
  await server.ask('REPLICAOF', '127.0.0.1', 1)
  const error = await t.throwsAsync(store.write(key, change(1, 'private to the user')), UNAVAILABLE)
  t.regex(String(error?.cause), /READONLY/)
  t.notRegex(inspect(error, { depth: null }), /private to the user/)
  await server.ask('REPLICAOF', 'NO', 'ONE')
  await until('the store to take a write', async () => (await store.write(key, change(1))).status === 'written')
})

for (const topology of ['redis', 'redis+cluster']) {
  onRedis(`${topology}: a write whose connection broke is not sent again, for it may have arrived`, async (t) => {
    const upstream: { port?: number } = {}
    const relay = await redisRelay(t, upstream)
    const announced = ['--cluster-announce-ip', '127.0.0.1', '--cluster-announce-port', relay.port]
    const asCluster = ['--cluster-enabled', 'yes', ...announced]
    const server = await redisServer({ settings: topology === 'redis' ? [] : asCluster })
    t.teardown(() => server.stop())
    upstream.port = server.port
    if (topology === 'redis+cluster') {
      await server.ask('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
      await until('the Cluster', async () => (await server.ask('CLUSTER', 'INFO')).includes('cluster_state:ok'))
    }
    const store = await openRedis(t, { url: `${topology}://127.0.0.1:${relay.port}?ack=local` })
    const key = freshKey()
    await store.write(key, creation())
    const before = relay.scripts
    relay.cutting = true
    await t.throwsAsync(store.write(key, change(1)), UNAVAILABLE)
    await until('the store to answer', async () => (await store.read(key)) !== undefined)
    t.is((await store.read(key))?.version, 2)
    t.is(relay.scripts, before + 1)
  })
}

onRedis('scripts that the server has forgotten are sent anew', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const store = await openRedis(t, { url: server.url })
  const key = freshKey()
  await store.write(key, creation())
  await server.ask('SCRIPT', 'FLUSH')
  t.is((await store.write(key, change(1, 'two'))).status, 'written')
  t.is((await store.read(key))?.body, 'two')
})

onRedis('nothing stays in the server past its time, fences included', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const store = await openRedis(t, { url: server.url, prefix: 'shop:' })
  const key = freshKey()
  await store.write(key, { ...creation(), expiresAtMs: Date.now() + 60_000 })
  t.is(await server.ask('KEYS', '*'), `shop:${key}`)
  const ttl = Number(await server.ask('PTTL', `shop:${key}`))
  t.true(ttl > 30_000 && ttl <= 60_000)
  await store.destroy(key, { fenceUntilMs: Date.now() + 20_000 })
  t.is(await server.ask('HKEYS', `shop:${key}`), 'v,e')
  const fenceTtl = Number(await server.ask('PTTL', `shop:${key}`))
  t.true(fenceTtl > 5_000 && fenceTtl <= 20_000)
})

onRedis('a session takes one command to read and one to write', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const store = await openRedis(t, { url: server.url })
  const key = freshKey()
  await store.write(key, creation())
  // Calls from within a script count as well: of these, only a script itself crosses the network.
  const called = async (commands: RegExp): Promise<string[]> => {
    const stats = await server.ask('INFO', 'commandstats')
    const calls = [...stats.matchAll(/cmdstat_(\w+):calls=(\d+)/g)].map(([, command, count]) => `${command} ${count}`)
    await server.ask('CONFIG', 'RESETSTAT')
    return calls.filter((each) => commands.test(each))
  }
  await called(/./)
  await store.read(key)
  t.deepEqual(await called(/^(h|eval|get)/), ['hmget 1'])
  await store.write(key, change(1))
  t.deepEqual(await called(/^eval/), ['evalsha 1'])
})
