import test from 'ava'
import { StoreFullError, StoreRefusedError } from '../../../src/errors.ts'
import { guardedStore } from '../../../src/stores/guard/guarded-store.ts'
import type { StoreEvent } from '../../../src/telemetry.ts'
import { redisMissing, type RedisServer, redisServer } from '../../support/redis/server.ts'
import { change, creation, freshKey } from '../../support/records.ts'
import { openRedis } from '../../support/redis/sessions.ts'
import { until } from '../../support/until.ts'

const onRedis = redisMissing === undefined ? test : test.skip
if (redisMissing !== undefined) test.skip(`redis: ${redisMissing}`, () => {})

interface Refusal {
  readonly begin: (server: RedisServer) => Promise<unknown>
  readonly end: (server: RedisServer) => Promise<unknown>
  readonly error: typeof StoreRefusedError
  readonly words: RegExp
}

const REFUSALS: Readonly<Record<string, Refusal>> = {
  'is out of memory': {
    begin: (server) => server.ask('CONFIG', 'SET', 'maxmemory', 1),
    end: (server) => server.ask('CONFIG', 'SET', 'maxmemory', 0),
    error: StoreFullError,
    words: /out of memory/,
  },
  'has too few replicas of its own': {
    begin: (server) => server.ask('CONFIG', 'SET', 'min-replicas-to-write', 1),
    end: (server) => server.ask('CONFIG', 'SET', 'min-replicas-to-write', 0),
    error: StoreRefusedError,
    words: /accepts no changes/,
  },
  'has become a replica': {
    begin: (server) => server.ask('REPLICAOF', '127.0.0.1', 1),
    end: (server) => server.ask('REPLICAOF', 'NO', 'ONE'),
    error: StoreRefusedError,
    words: /accepts no changes/,
  },
}

for (const [what, { begin, end, error, words }] of Object.entries(REFUSALS)) {
  onRedis(`a Redis that ${what} refuses changes in words, is not healthy, and is no outage`, async (t) => {
    const server = await redisServer()
    t.teardown(() => server.stop())
    const events: StoreEvent[] = []
    const onEvent = (event: StoreEvent): void => void events.push(event)
    const opened = await openRedis(t, { url: server.url, onEvent })
    const store = guardedStore(opened, { failuresMax: 2 }, { onEvent })
    const [key, other] = [freshKey(), freshKey()]
    await store.write(key, creation())
    await store.health()

    await begin(server)
    await t.throwsAsync(store.write(other, creation()), { instanceOf: error, message: words })
    // From a replica it reconnects once, to the new primary if there is one, and not with each refusal.
    await until('the connection', async () => (await store.read(key))?.version === 1)
    for (let tries = 0; tries < 5; tries++) {
      await t.throwsAsync(store.write(other, creation()), { instanceOf: error, message: words })
      t.is((await store.read(key))?.version, 1)
    }
    await until('the refusal', async () => {
      const thrown = await store.health().catch((refused: unknown) => refused)
      return thrown instanceof error && words.test(thrown.message)
    })
    t.is(events.filter(({ event }) => event === 'changes-refused').length, 1)

    await end(server)
    await until('the store to be healthy', () => store.health().then(() => true))
    t.is((await store.write(key, change(1))).status, 'written')
    t.is(events.filter(({ event }) => event === 'changes-accepted').length, 1)
  })
}

onRedis('the next change that is accepted ends the refusal, also if the health is not asked', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const events: StoreEvent[] = []
  const store = await openRedis(t, { url: server.url, onEvent: (event) => void events.push(event) })
  await server.ask('CONFIG', 'SET', 'maxmemory', 1)
  await t.throwsAsync(store.write(freshKey(), creation()), { instanceOf: StoreFullError })
  await server.ask('CONFIG', 'SET', 'maxmemory', 0)
  await store.write(freshKey(), creation())
  t.deepEqual(
    events.map(({ event }) => event),
    ['changes-refused', 'changes-accepted'],
  )
})

onRedis('in a Cluster a primary that refuses changes is a warning, while the others go on', async (t) => {
  const server = await redisServer({ settings: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] })
  t.teardown(() => server.stop())
  await server.ask('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
  await until('the Cluster', async () => (await server.ask('CLUSTER', 'INFO')).includes('cluster_state:ok'))
  const store = await openRedis(t, { url: `redis+cluster://127.0.0.1:${server.port}?ack=local` })
  await server.ask('CONFIG', 'SET', 'maxmemory', 1)
  await t.throwsAsync(store.write(freshKey(), creation()), { instanceOf: StoreFullError })
  await store.health()
  t.regex(store.report?.().warnings.join() ?? '', /refuses changes: .*OOM/)
  await server.ask('CONFIG', 'SET', 'maxmemory', 0)
  await store.health()
  t.deepEqual(store.report?.().warnings, [])
})
