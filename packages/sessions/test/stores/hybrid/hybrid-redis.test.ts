import test, { type ExecutionContext } from 'ava'
import type { SessionRecord } from '../../../src/contract.ts'
import { StoreConfigError, StoreUnavailableError } from '../../../src/errors.ts'
import { cacheOf, hybridNode, keptBy, nodeProcess } from '../../support/hybrid-nodes.ts'
import { redisMissing, type RedisServer, redisServer } from '../../support/redis/server.ts'
import { change, creation, freshKey, inAnHour } from '../../support/records.ts'
import { openRedis } from '../../support/redis/sessions.ts'
import { until } from '../../support/until.ts'

const onRedis = redisMissing === undefined ? test : test.skip
if (redisMissing !== undefined) test.skip(`hybrid over redis: ${redisMissing}`, () => {})

const UNAVAILABLE = { instanceOf: StoreUnavailableError }

async function server(t: ExecutionContext): Promise<RedisServer> {
  const started = await redisServer()
  t.teardown(() => started.stop())
  return started
}

onRedis('a read from memory asks Redis nothing, and finds what this node wrote', async (t) => {
  const redis = await server(t)
  const store = await hybridNode(t, `${redis.url}?timeoutMs=20000&leaseMs=30000`)
  const key = freshKey()
  await store.write(key, creation())
  await store.write(key, change(1, 'two'))
  await redis.ask('CONFIG', 'RESETSTAT')
  for (let turn = 0; turn < 50; turn++) t.like(await store.read(key), { version: 2, body: 'two' })
  const stats = await redis.ask('INFO', 'commandstats')
  t.notRegex(stats, /cmdstat_hmget|cmdstat_hget/)
  t.like(cacheOf(store), { copies: 1, hits: 50, misses: 0 })
})

onRedis('a read that begins after a change was acknowledged elsewhere finds it, in each of many rounds', async (t) => {
  const redis = await server(t)
  const [a, b] = [await hybridNode(t, redis.url), await hybridNode(t, redis.url)]
  const key = freshKey()
  await a.write(key, creation())
  for (let version = 1; version < 200; version++) {
    const [writer, reader] = version % 2 === 0 ? [a, b] : [b, a]
    if (version % 10 === 0) await keptBy(reader, key)
    else await Promise.all([reader.read(key), reader.read(key)])
    t.like(await writer.write(key, change(version, `body ${version}`)), { status: 'written' })
    t.is((await reader.read(key))?.body, `body ${version}`)
  }
  t.true(cacheOf(a).dropped > 20 && cacheOf(b).dropped > 20, 'copies were there to be outdated')
})

onRedis('a touch and a deletion on one node are seen at once by another that has a copy', async (t) => {
  const redis = await server(t)
  const [a, b] = [await hybridNode(t, redis.url), await hybridNode(t, redis.url)]
  for (let round = 0; round < 30; round++) {
    const key = freshKey()
    await a.write(key, creation())
    await keptBy(b, key)
    const later = inAnHour() + 60_000
    t.true(await a.touch(key, later))
    t.is((await b.read(key))?.expiresAtMs, later)
    await keptBy(b, key)
    await a.destroy(key, { fenceUntilMs: inAnHour() })
    t.is(await b.read(key), undefined)
    t.deepEqual(await b.write(key, change(1)), { status: 'gone' })
  }
})

onRedis('nodes without a near-cache wait for the copies of those with one', async (t) => {
  const redis = await server(t)
  const store = await hybridNode(t, redis.url)
  const plain = await openRedis(t, { url: redis.url, timeoutMs: 20_000 })
  const key = freshKey()
  await plain.write(key, creation())
  for (let version = 1; version < 50; version++) {
    await keptBy(store, key)
    await plain.write(key, change(version, `body ${version}`))
    t.is((await store.read(key))?.body, `body ${version}`)
  }
  await plain.destroy(key, { fenceUntilMs: inAnHour() })
  t.is(await store.read(key), undefined)
})

onRedis(
  'copies of several nodes are all dropped before a change, and a change that races others loses to one',
  async (t) => {
    const redis = await server(t)
    const first = await hybridNode(t, redis.url)
    const nodes = [first, ...(await Promise.all([2, 3, 4].map(() => hybridNode(t, redis.url))))]
    const key = freshKey()
    await first.write(key, creation())
    for (let version = 1; version < 30; version++) {
      await Promise.all(nodes.map((node) => keptBy(node, key)))
      const results = await Promise.all(nodes.map((node, index) => node.write(key, change(version, `by ${index}`))))
      const winners = results.flatMap(({ status }, index) => (status === 'written' ? [index] : []))
      t.is(winners.length, 1)
      for (const node of nodes) t.like(await node.read(key), { version: version + 1, body: `by ${winners[0]}` })
    }
  },
)

onRedis('changes by other hands are seen: a deleted key, and FLUSHALL', async (t) => {
  const redis = await server(t)
  const store = await hybridNode(t, redis.url)
  const [one, two] = [freshKey(), freshKey()]
  for (const key of [one, two]) {
    await store.write(key, creation())
    await keptBy(store, key)
  }
  await redis.ask('DEL', `ninelives:${one}`)
  await until('the deletion', async () => (await store.read(one)) === undefined)
  t.is((await store.read(two))?.version, 1)
  await redis.ask('FLUSHALL')
  await until('the loss of all', async () => (await store.read(two)) === undefined)
  await store.write(one, creation('anew'))
  await keptBy(store, one)
  t.is((await store.read(one))?.body, 'anew')
})

onRedis('a stream of invalidations that is cut, again and again, never leaves an outdated copy', async (t) => {
  const redis = await server(t)
  const [a, b] = [await hybridNode(t, redis.url), await hybridNode(t, redis.url)]
  const key = freshKey()
  await a.write(key, creation())
  for (let version = 1; version < 20; version++) {
    if (version % 4 === 0) await keptBy(b, key)
    await redis.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')
    t.is((await a.write(key, change(version, `body ${version}`))).status, 'written')
    t.is((await b.read(key))?.body, `body ${version}`)
  }
  await keptBy(a, key)
  await keptBy(b, key)
  t.deepEqual(b.report?.().warnings, [])
})

onRedis('a node whose stream is stuck has no lease for long, says why, and recovers', async (t) => {
  const redis = await server(t)
  const store = await hybridNode(t, redis.url)
  const key = freshKey()
  await store.write(key, creation())
  await keptBy(store, key)
  // Redis accepts renewals, and their beats reach no stream.
  await redis.ask('ACL', 'SETUSER', 'default', 'resetchannels')
  await until('the cache to be off', async () => {
    t.is((await store.read(key))?.version, 1)
    return (store.report?.().warnings.length ?? 0) > 0
  })
  t.regex(String(store.report?.().warnings), /no session is read from memory: /)
  await redis.ask('ACL', 'SETUSER', 'default', 'allchannels')
  await keptBy(store, key)
  t.deepEqual(store.report?.().warnings, [])
})

onRedis('a Redis that hangs is an outage as soon as the lease has ended, and no logout', async (t) => {
  const redis = await server(t)
  const store = await hybridNode(t, `${redis.url}?timeoutMs=1000`)
  const key = freshKey()
  await store.write(key, creation())
  await keptBy(store, key)
  redis.process.kill('SIGSTOP')
  await t.throwsAsync(store.write(freshKey(), creation()), UNAVAILABLE)
  await t.throwsAsync(store.read(freshKey()), UNAVAILABLE)
  await until('the copy to be of no use', async () => {
    const read = await store.read(key).catch((error: unknown) => error)
    if (!(read instanceof Error)) t.is((read as SessionRecord | undefined)?.version, 1)
    return read instanceof StoreUnavailableError
  })
  await t.throwsAsync(store.health(), UNAVAILABLE)
  redis.process.kill('SIGCONT')
  await until('health', () => store.health().then(() => true))
  t.is((await store.read(key))?.version, 1)
  await keptBy(store, key)
})

onRedis('a Redis that comes back empty has no session, whatever a node had in memory', async (t) => {
  const redis = await redisServer()
  const store = await hybridNode(t, redis.url)
  const key = freshKey()
  await store.write(key, creation())
  await keptBy(store, key)
  await redis.stop()
  await until('the outage', () =>
    store.read(key).then(
      () => false,
      (error) => error instanceof StoreUnavailableError,
    ),
  )
  const revived = await redisServer({ port: redis.port })
  t.teardown(() => revived.stop())
  await until('health', () => store.health().then(() => true))
  t.is(await store.read(key), undefined)
  await store.write(key, creation('anew'))
  await keptBy(store, key)
})

onRedis('sessions are read while Redis accepts no changes', async (t) => {
  const redis = await server(t)
  const store = await hybridNode(t, redis.url)
  const [old, other] = [freshKey(), freshKey()]
  await store.write(old, creation())
  const plain = await openRedis(t, { url: redis.url, timeoutMs: 20_000 })
  await plain.write(other, creation())
  await redis.ask('CONFIG', 'SET', 'maxmemory', 1)
  await t.throwsAsync(store.write(freshKey(), creation()), UNAVAILABLE)
  t.is((await store.read(old))?.version, 1)
  for (let turn = 0; turn < 5; turn++) t.is((await store.read(other))?.version, 1)
  await redis.ask('CONFIG', 'SET', 'maxmemory', 0)
  await keptBy(store, other)
})

onRedis(
  'a paused node delays a change for as long as its lease, and has no outdated copy when it goes on',
  async (t) => {
    const redis = await server(t)
    const store = await hybridNode(t, redis.url)
    const paused = await nodeProcess(t, `hybrid:?over=${redis.url}?leaseMs=3000`)
    const key = freshKey()
    await store.write(key, creation('first'))
    t.is(await paused.read(key), 'first')
    t.is(await paused.read(key), 'first')
    const beganAtMs = performance.now()
    paused.child.kill('SIGSTOP')
    t.is((await store.write(key, change(1, 'second'))).status, 'written')
    t.true(performance.now() - beganAtMs > 200, 'the change waited for the lease')
    await store.destroy(freshKey(), { fenceUntilMs: inAnHour() })
    paused.child.kill('SIGCONT')
    t.is(await paused.read(key), 'second')
  },
)

onRedis('a node that was killed delays a change of what it held once, and no other', async (t) => {
  const redis = await server(t)
  const store = await hybridNode(t, redis.url)
  const killed = await nodeProcess(t, `hybrid:?over=${redis.url}`)
  const [one, two] = [freshKey(), freshKey()]
  for (const key of [one, two]) {
    await store.write(key, creation('first'))
    t.is(await killed.read(key), 'first')
  }
  killed.child.kill('SIGKILL')
  t.is((await store.read(one))?.body, 'first')
  for (const key of [one, two]) t.is((await store.write(key, change(1, 'second'))).status, 'written')
  t.like(await store.write(one, change(2)), { version: 3 })
})

onRedis('a user of the ACL without the rights for it is told so at open', async (t) => {
  const redis = await server(t)
  const RULES = '~* resetchannels -@all +hmget +hget +hset +pexpire +del +eval +evalsha +ping +info'
  await redis.ask('ACL', 'SETUSER', 'shop', 'on', '>secret', ...RULES.split(' '))
  const url = redis.url.replace('//', '//shop:secret@')
  await t.throwsAsync(hybridNode(t, url), { instanceOf: StoreConfigError, message: /does not allow.*NOPERM/ })
  await redis.ask(
    'ACL',
    'SETUSER',
    'shop',
    ...'+hdel +set +exists +pttl +publish +subscribe +time +client|id +client|tracking &ninelives:copies:* &__redis__:invalidate'.split(
      ' ',
    ),
  )
  const store = await hybridNode(t, url)
  const key = freshKey()
  await store.write(key, creation())
  await keptBy(store, key)
  const other = await hybridNode(t, url)
  t.is((await other.write(key, change(1))).status, 'written')
  t.is((await store.read(key))?.version, 2)
})
