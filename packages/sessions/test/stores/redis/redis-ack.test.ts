import test from 'ava'
import type { Ack } from '../../../src/contract.ts'
import { StoreCopiesError, StoreUnavailableError } from '../../../src/errors.ts'
import { replicasWanted, TooFewCopiesError } from '../../../src/stores/redis/ack.ts'
import { replicating } from '../../support/redis/sentinel.ts'
import { type RedisServer, redisMissing, redisServer, redisServers } from '../../support/redis/server.ts'
import { until } from '../../support/until.ts'
import { change, creation, freshKey, inAnHour } from '../../support/records.ts'
import { openRedis } from '../../support/redis/sessions.ts'
import type { ExecutionContext } from 'ava'

const onRedis = redisMissing === undefined ? test : test.skip
if (redisMissing !== undefined) test.skip(`what Redis acknowledges: ${redisMissing}`, () => {})

/** A busy machine may take long to have a replica answer where one is there to answer. */
const PATIENT_MS = 40_000

async function primaryWith(t: ExecutionContext, replicas: number): Promise<[primary: RedisServer, ...RedisServer[]]> {
  const primary = await redisServer()
  t.teardown(() => primary.stop())
  const settings = ['--replicaof', `127.0.0.1 ${primary.port}`]
  const following = await redisServers(Array.from({ length: replicas }, () => ({ settings })))
  for (const replica of following) t.teardown(() => replica.stop())
  await replicating(primary, replicas)
  return [primary, ...following]
}

test('quorum is the larger half of the copies, all is every one, and neither is ever the primary alone', (t) => {
  const replicas = [0, 1, 2, 3, 4, 5]
  const wanted = (ack: 'quorum' | 'all') => replicas.map((each) => replicasWanted(ack, each))
  t.deepEqual(wanted('quorum'), [1, 1, 1, 2, 2, 3])
  t.deepEqual(wanted('all'), [1, 1, 2, 3, 4, 5])
})

onRedis('when a change is acknowledged, as many copies have it as ack asks for', async (t) => {
  const servers = await primaryWith(t, 2)
  /** Of a record with this version; 0 is the fence. */
  const copies = async (key: string, version: string): Promise<number> => {
    const found = await Promise.all(servers.map((server) => server.ask('HGET', `ninelives:${key}`, 'v')))
    return found.filter((each) => each === version).length
  }
  const expected: Readonly<Record<Ack, number>> = { local: 1, one: 2, quorum: 2, all: 3 }
  for (const [ack, copiesMin] of Object.entries(expected)) {
    const store = await openRedis(t, { url: `${servers[0].url}?ack=${ack}`, timeoutMs: PATIENT_MS })
    for (let round = 0; round < 20; round++) {
      const key = freshKey()
      t.is((await store.write(key, creation())).status, 'written')
      t.true((await copies(key, '1')) >= copiesMin, ack)
      await store.destroy(key, { fenceUntilMs: inAnHour() })
      t.true((await copies(key, '0')) >= copiesMin, ack)
    }
  }
})

onRedis(
  'a write that too few copies have in time rejects, says that it may have been applied, and holds up no read',
  async (t) => {
    const [primary] = await primaryWith(t, 0)
    const store = await openRedis(t, { url: `${primary.url}?ack=one&timeoutMs=4000` })
    const key = freshKey()
    const settled: string[] = []
    const write = store.write(key, creation()).catch((error: unknown) => error)
    void write.then(() => settled.push('write'))
    await store.read(freshKey())
    settled.push('read')
    const error = await write
    t.deepEqual(settled, ['read', 'write'])
    t.true(error instanceof StoreUnavailableError)
    const { cause } = error as StoreUnavailableError
    t.true(cause instanceof TooFewCopiesError)
    t.like(cause, { code: 'TOO_FEW_COPIES', copies: 1, copiesWanted: 2 })
    t.regex((cause as Error).message, /may have been applied.*\?ack=local/)
    t.is((await store.read(key))?.version, 1)
  },
)

onRedis('a replica that went missing still counts: quorum goes on without it and all does not', async (t) => {
  const [primary, , replica] = await primaryWith(t, 2)
  const store = await openRedis(t, { url: `${primary.url}?ack=all&timeoutMs=8000` })
  const onQuorum = await openRedis(t, { url: `${primary.url}?ack=quorum&timeoutMs=8000` })
  for (const each of [store, onQuorum]) t.is((await each.write(freshKey(), creation())).status, 'written')
  await replica?.stop()
  await replicating(primary, 1)
  t.is((await onQuorum.write(freshKey(), creation())).status, 'written')
  const error = await t.throwsAsync(store.write(freshKey(), creation()), { instanceOf: StoreUnavailableError })
  t.like(error?.cause, { copies: 2, copiesWanted: 3 })
})

onRedis('the URL says how many replicas there should be, whether they were ever seen or not', async (t) => {
  const [primary] = await primaryWith(t, 1)
  const store = await openRedis(t, { url: `${primary.url}?ack=all&replicas=2&timeoutMs=8000` })
  const error = await t.throwsAsync(store.write(freshKey(), creation()), { instanceOf: StoreUnavailableError })
  t.like(error?.cause, { copies: 2, copiesWanted: 3 })
})

onRedis('a store whose changes can not be sent is not healthy, though reads are served', async (t) => {
  const [primary] = await primaryWith(t, 1)
  const store = await openRedis(t, { url: `${primary.url}?ack=one`, timeoutMs: PATIENT_MS })
  await store.write(freshKey(), creation())
  await store.health()
  // The connection that waited for the replica is closed, and none is let in.
  const waiting = /\bid=(\d+) (?=.*\bcmd=wait\b)/.exec(await primary.ask('CLIENT', 'LIST'))?.[1]
  await primary.ask('CONFIG', 'SET', 'maxclients', 1)
  t.is(await primary.ask('CLIENT', 'KILL', 'ID', String(waiting)), '1')
  await until('the store to be out', () =>
    store.health().then(
      () => false,
      () => true,
    ),
  )
  t.is(await store.read(freshKey()), undefined)
  await primary.ask('CONFIG', 'SET', 'maxclients', 1_000)
  await until('the store to be back', () =>
    store.health().then(
      () => true,
      () => false,
    ),
  )
  t.is((await store.write(freshKey(), creation())).status, 'written')
})

onRedis('a write that was refused needs no copies', async (t) => {
  const [primary] = await primaryWith(t, 0)
  const store = await openRedis(t, { url: `${primary.url}?ack=one`, timeoutMs: PATIENT_MS })
  const local = await openRedis(t, { url: primary.url })
  const key = freshKey()
  await local.write(key, creation())
  t.is((await store.write(key, change(7))).status, 'conflict')
  t.is((await store.write(freshKey(), change(1))).status, 'gone')
})

onRedis('an acknowledged write is one script and one WAIT', async (t) => {
  const [primary] = await primaryWith(t, 1)
  const store = await openRedis(t, { url: `${primary.url}?ack=one`, timeoutMs: PATIENT_MS })
  await store.write(freshKey(), creation())
  await primary.ask('CONFIG', 'RESETSTAT')
  await store.write(freshKey(), creation())
  const stats = await primary.ask('INFO', 'commandstats')
  const called = stats.matchAll(/cmdstat_(evalsha|eval|wait|info):calls=(\d+)/g)
  t.deepEqual(Object.fromEntries([...called].map(([, command, calls]) => [command, calls])), {
    evalsha: '1',
    wait: '1',
  })
})

onRedis('a script that was forgotten and sent anew is waited for, and not what went before it', async (t) => {
  const [primary, replica] = await primaryWith(t, 1)
  const store = await openRedis(t, { url: `${primary.url}?ack=one&timeoutMs=8000` })
  const key = freshKey()
  await store.write(key, creation())
  await primary.ask('SCRIPT', 'FLUSH')
  t.like(await store.write(key, change(1)), { status: 'written' })
  await primary.ask('SCRIPT', 'FLUSH')
  replica?.process.kill('SIGSTOP')
  const error = await t.throwsAsync(store.write(key, change(2)), { instanceOf: StoreUnavailableError })
  t.like(error?.cause, { copies: 1, copiesWanted: 2 })
})

onRedis('a late replica is not missing: the change is refused, whatever the policy for fewer copies', async (t) => {
  const [primary, replica] = await primaryWith(t, 1)
  const told: string[] = []
  const options = { url: `${primary.url}?ack=one&timeoutMs=3000&fewerCopies=acknowledge` }
  const store = await openRedis(t, { ...options, onEvent: ({ event }) => told.push(event) })
  /** On a busy machine a replica may be late by itself. */
  const acknowledged = (events: number) =>
    until(`a change to be acknowledged, and ${events} events`, async () => {
      await store.write(freshKey(), creation())
      return told.length === events
    })
  await acknowledged(0)
  replica?.process.kill('SIGSTOP')
  // The last word of the replica is at most a second old.
  const error = await t.throwsAsync(store.write(freshKey(), creation()), { instanceOf: StoreCopiesError })
  t.like(error?.cause, { copies: 1, copiesWanted: 2 })
  t.deepEqual(told, [])
  // It stays silent, and may as well be gone.
  await acknowledged(1)
  t.deepEqual(told, ['copies-fewer'])
  replica?.process.kill('SIGCONT')
  await acknowledged(2)
  t.deepEqual(told, ['copies-fewer', 'copies-restored'])
})

onRedis('once a primary is known to lack copies, a change that would be refused is not even sent', async (t) => {
  const [primary] = await primaryWith(t, 0)
  const store = await openRedis(t, { url: `${primary.url}?ack=one&timeoutMs=4000&fewerCopies=refuse` })
  await t.throwsAsync(store.write(freshKey(), creation()), { instanceOf: StoreCopiesError })
  const key = freshKey()
  const error = await t.throwsAsync(store.write(key, creation()), { instanceOf: StoreCopiesError })
  t.regex(String(error?.cause), /the change was not sent: 1 of 2 copies are within reach/)
  t.is(await store.read(key), undefined)
})
