import test from 'ava'
import { StoreUnavailableError } from '../../../src/errors.ts'
import { outage } from '../../support/redis/outage.ts'
import { redisCluster } from '../../support/redis/cluster.ts'
import { redisMissing } from '../../support/redis/server.ts'
import { until } from '../../support/until.ts'
import { change, creation, freshKey } from '../../support/records.ts'
import { openRedis } from '../../support/redis/sessions.ts'

// One after the other: a Cluster of processes that get no processor time fails over by itself.
const onRedis = redisMissing === undefined ? test.serial : test.skip
if (redisMissing !== undefined) test.skip(`failover of a Cluster: ${redisMissing}`, () => {})

const TIMEOUT_MS = 1_000
/** The timeout is the store's; the rest is a machine that is busy with other tests. */
const CALL_MAX_MS = TIMEOUT_MS + 29_000
/** For calls that must succeed, however busy the machine. */
const PATIENT_MS = 20_000

for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
  onRedis(
    `a primary that gets ${signal} is followed by its replica, with everything that was acknowledged`,
    async (t) => {
      const cluster = await redisCluster({ nodeTimeoutMs: 1_000 })
      t.teardown(() => cluster.stop())
      const options = { url: cluster.url, prefix: await cluster.prefixOn(0), timeoutMs: TIMEOUT_MS }
      const store = await openRedis(t, options)
      const local = await openRedis(t, { ...options, ack: 'local' })
      const users = outage(t, store, CALL_MAX_MS)
      await users.acknowledged(20)
      cluster.primaries[0]?.process.kill(signal)
      // Its only replica is the primary then, and there is none that could acknowledge.
      await users.through(local)
      await users.assertKept()
      await store.health()
    },
  )
}

onRedis('sessions that move to another node are followed there, acknowledged changes included', async (t) => {
  const cluster = await redisCluster({ nodeTimeoutMs: 15_000 })
  t.teardown(() => cluster.stop())
  const [first, second] = cluster.primaries
  const { replica } = cluster
  const prefix = await cluster.prefixOn(1)
  const onSecond = await openRedis(t, { url: cluster.url, prefix, timeoutMs: PATIENT_MS })
  const onFirst = await openRedis(t, { url: cluster.url, prefix: await cluster.prefixOn(0), timeoutMs: PATIENT_MS })

  // A slot under way from the second to the first: what is not there any more, or not yet, is asked for at the other.
  const slot = (await first?.ask('CLUSTER', 'KEYSLOT', prefix)) ?? ''
  await first?.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', (await second?.ask('CLUSTER', 'MYID')) ?? '')
  await second?.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', (await first?.ask('CLUSTER', 'MYID')) ?? '')
  const asked = freshKey()
  t.like(await onSecond.write(asked, creation('asked')), { status: 'written' })
  t.is((await onSecond.read(asked))?.body, 'asked')

  // The first changes places with its replica, and tells its clients nothing.
  const moved = freshKey()
  await onFirst.write(moved, creation())
  await replica.ask('CLUSTER', 'FAILOVER')
  await until('the two to change places', async () =>
    /master_link_status:up/.test((await first?.ask('INFO', 'replication')) ?? ''),
  )
  t.like(await onFirst.write(moved, change(1)), { status: 'written' })
  t.is((await onFirst.read(moved))?.version, 2)
  t.is((await onFirst.write(moved, change(2))).status, 'written')

  // The slot goes to a node that was not there when the stores were opened, and that has no replica.
  const impatient = await openRedis(t, { url: cluster.url, prefix, timeoutMs: 8_000, fewerCopies: 'refuse' })
  const joined = await cluster.join()
  const owner = await joined.ask('CLUSTER', 'MYID')
  await joined.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', (await second?.ask('CLUSTER', 'MYID')) ?? '')
  for (const server of [joined, second]) await server?.ask('CLUSTER', 'SETSLOT', slot, 'NODE', owner)
  const later = freshKey()
  const error = await t.throwsAsync(impatient.write(later, creation()), { instanceOf: StoreUnavailableError })
  t.like(error?.cause, { copies: 1, copiesWanted: 2 })
  t.is((await onSecond.read(later))?.version, 1)
})

onRedis('a replica without any primary beside it is never read from', async (t) => {
  const cluster = await redisCluster({ nodeTimeoutMs: 15_000 })
  t.teardown(() => cluster.stop())
  const options = { url: `${cluster.url}?ack=local`, prefix: await cluster.prefixOn(0), timeoutMs: 2_000 }
  const store = await openRedis(t, options)
  const key = freshKey()
  await store.write(key, creation())
  await Promise.all(cluster.primaries.map((primary) => primary.stop()))
  for (let read = 0; read < 20; read++) await t.throwsAsync(store.read(key), { instanceOf: StoreUnavailableError })
})
