/** What the doctor finds in a Redis that is set up badly on purpose. */
import test from 'ava'
import { examine, type Finding } from '../../src/doctor.ts'
import { openStore } from '../../src/stores/open-store.ts'
import type { StoreEvent } from '../../src/telemetry.ts'
import { redisCluster } from '../support/redis/cluster.ts'
import { redisMissing, redisServer } from '../support/redis/server.ts'
import { until } from '../support/until.ts'

const onRedis = redisMissing === undefined ? test : test.skip
if (redisMissing !== undefined) test.skip(`redis: ${redisMissing}`, () => {})

/** The level of each finding that is not fine, but for those of the machine. */
function bad(findings: readonly Finding[] = []): Record<string, Finding['level']> {
  const those = findings.filter(({ level, name }) => level !== 'fine' && !/latency|disk-space/.test(name))
  return Object.fromEntries(those.map(({ name, level }) => [name, level]))
}

async function found(url: string): Promise<Record<string, Finding['level']>> {
  return bad((await examine(url))[0]?.findings)
}

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']

onRedis('a Redis that keeps everything has nothing to be found', async (t) => {
  const server = await redisServer({ settings: DURABLE })
  t.teardown(() => server.stop())
  const [examination] = await examine(`${server.url}?timeoutMs=20000`)
  t.deepEqual(bad(examination?.findings), {})
  const names = examination?.findings.map(({ name }) => name) ?? []
  for (const name of [
    'rights',
    'read-latency',
    'write-latency',
    'network',
    'version',
    'clock',
    'memory',
    'connections',
  ])
    t.true(names.includes(name), name)
  t.is(await server.ask('DBSIZE'), '1')
  await until('the scratch record to be gone', async () => (await server.ask('DBSIZE')) === '0')
})

onRedis('one without persistence, with an evicting policy, or nearly out of memory', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  t.deepEqual(await found(`${server.url}?timeoutMs=20000`), { persistence: 'loss' })
  await server.ask('CONFIG', 'SET', 'save', '3600 1')
  t.deepEqual(await found(`${server.url}?timeoutMs=20000`), { persistence: 'loss' })
  await server.ask('CONFIG', 'SET', 'appendonly', 'yes')
  await server.ask('CONFIG', 'SET', 'appendfsync', 'everysec')
  t.deepEqual(await found(`${server.url}?timeoutMs=20000`), { persistence: 'warning' })
  await server.ask('CONFIG', 'SET', 'appendfsync', 'always')
  await server.ask('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl')
  t.deepEqual(await found(`${server.url}?timeoutMs=20000`), { 'eviction-policy': 'warning' })
  await server.ask('CONFIG', 'SET', 'maxmemory', '1gb')
  t.deepEqual(await found(`${server.url}?timeoutMs=20000`), { 'eviction-policy': 'loss' })
  const [{ findings } = { findings: [] }] = await examine(`${server.url}?timeoutMs=20000`)
  const eviction = findings.find(({ name }) => name === 'eviction-policy')
  t.regex(eviction?.line ?? '', /volatile-ttl: when Redis is full it deletes sessions/)
  t.regex(eviction?.remedy ?? '', /CONFIG SET maxmemory-policy noeviction/)
  await server.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  const used = /used_memory:(\d+)/.exec(await server.ask('INFO', 'memory'))?.[1]
  await server.ask('CONFIG', 'SET', 'maxmemory', Math.round(Number(used) * 1.1))
  t.deepEqual(await found(`${server.url}?timeoutMs=20000`), { memory: 'warning' })
})

onRedis('one that has replicas, and one that is a replica', async (t) => {
  const primary = await redisServer({ settings: DURABLE })
  t.teardown(() => primary.stop())
  const replica = await redisServer({ settings: [...DURABLE, '--replicaof', `127.0.0.1 ${primary.port}`] })
  t.teardown(() => replica.stop())
  await until('the replica to be in step', async () =>
    /slave0:.*state=online/.test(await primary.ask('INFO', 'replication')),
  )
  t.deepEqual(await found(`${primary.url}?timeoutMs=20000`), { ack: 'warning', 'min-replicas': 'warning' })
  await primary.ask('CONFIG', 'SET', 'min-replicas-to-write', '1')
  t.deepEqual(await found(`${primary.url}?ack=one&timeoutMs=20000`), {})
  t.like(await found(replica.url), { refused: 'loss', replica: 'loss' })
})

onRedis('a Cluster: each primary is looked at', async (t) => {
  const cluster = await redisCluster()
  t.teardown(() => cluster.stop())
  const url = `${cluster.url}?ack=local&timeoutMs=20000`
  const [{ findings } = { findings: [] }] = await examine(url)
  const versions = findings.filter(({ name }) => name === 'version').map(({ line }) => line)
  t.true(versions.length > 1)
  for (const line of versions) t.regex(line, /^127\.0\.0\.1:\d+: Redis \d/)
})

onRedis('an account that may not do what the store needs', async (t) => {
  const server = await redisServer({ settings: DURABLE })
  t.teardown(() => server.stop())
  await server.ask('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '+@read', '+@connection', '+info', '+time')
  const url = `redis://reader:pw@127.0.0.1:${server.port}`
  const [{ findings } = { findings: [] }] = await examine(url)
  const rights = findings.find(({ name }) => name === 'rights')
  t.is(rights?.level, 'loss')
  t.regex(rights?.line ?? '', /may not create a session: NOPERM/)
  // What CONFIG does not tell, INFO does.
  t.is(findings.find(({ name }) => name === 'eviction-policy')?.level, 'fine')
  await server.ask('ACL', 'SETUSER', 'blind', 'on', '>pw', '~*', '+@all', '-info')
  t.like(await found(`redis://blind:pw@127.0.0.1:${server.port}`), { unchecked: 'warning' })
})

onRedis('one that can not be reached, or refuses the password', async (t) => {
  t.deepEqual(await found('redis://127.0.0.1:1?openTimeoutMs=200'), { unreachable: 'loss' })
  const server = await redisServer({ settings: ['--requirepass', 'right'] })
  t.teardown(() => server.stop())
  const [{ findings } = { findings: [] }] = await examine(`redis://:wrong@127.0.0.1:${server.port}?openTimeoutMs=3000`)
  t.like(findings[0], { level: 'loss', name: 'unreachable' })
  t.regex(findings[0]?.line ?? '', /WRONGPASS/)
  t.false(JSON.stringify(findings).includes('wrong@'))
})

onRedis('the same is told when a store opens, once, and only where an application listens', async (t) => {
  const server = await redisServer({
    settings: [...DURABLE, '--maxmemory', '1gb', '--maxmemory-policy', 'allkeys-lru'],
  })
  t.teardown(() => server.stop())
  const events: StoreEvent[] = []
  const store = await openStore(server.url, { onEvent: (event) => void events.push(event) })
  t.teardown(() => store.close())
  await store.open()
  await until('an event', () => events.length > 0)
  t.like(events[0], { event: 'store-risk', store: 'redis', about: 'eviction-policy', losesSessions: true })
  await store.open()
  await store.check?.()
  t.is(events.length, 1)
})
