/**
 * Failovers while users are at work, with the default `ack=one`: how many requests are refused has a bound, and nothing that was
 * acknowledged is lost. FAILOVERS=20 does each so often.
 */
import test, { type ExecutionContext } from 'ava'
import { failoverLoad, type FailoverLoad } from '../../support/redis/failover-load.ts'
import { redisCluster } from '../../support/redis/cluster.ts'
import { sentinelGroup } from '../../support/redis/sentinel.ts'
import { type RedisServer, redisMissing, redisServer } from '../../support/redis/server.ts'
import { until } from '../../support/until.ts'

// One after the other: a Cluster of processes that get no processor time fails over by itself.
const onRedis = redisMissing === undefined ? test.serial : test.skip
if (redisMissing !== undefined) test.skip(`failovers under load: ${redisMissing}`, () => {})

const ROUNDS = Number(process.env['FAILOVERS'] ?? 1)
/** So many answers of each user in a row, without a refusal of any, are an undisturbed service. */
const UNDISTURBED = 25
/** Of users that try again after 100 ms, for each second without a primary, and for a store that needs some to notice. */
const REFUSED_MAX_PER_SECOND = 12 * 10
const NOTICED_WITHIN_S = 8

async function died(t: ExecutionContext, load: FailoverLoad, primary: RedisServer, replica: RedisServer) {
  await load.undisturbed(5)
  // A busy machine may refuse a few by itself.
  const refusedBefore = load.counts.refused
  const killedAtMs = performance.now()
  primary.process.kill('SIGKILL')
  await until('its replica to be the primary', async () =>
    /^role:master/m.test(await replica.ask('INFO', 'replication')),
  )
  const withoutPrimaryS = (performance.now() - killedAtMs) / 1000
  await load.undisturbed(UNDISTURBED)
  const refusedMax = REFUSED_MAX_PER_SECOND * (withoutPrimaryS + NOTICED_WITHIN_S)
  const { answered } = load.counts
  const refused = load.counts.refused - refusedBefore
  t.true(refused < refusedMax, `${refused} refused, and at most ${refusedMax} after ${withoutPrimaryS} s`)
  t.log(`${answered} answered, ${refused} refused, ${withoutPrimaryS.toFixed(1)} s without a primary`)
}

for (let round = 1; round <= ROUNDS; round++) {
  onRedis(
    `a Cluster of three primaries with a replica each goes on after a death, and says what it risks (${round})`,
    async (t) => {
      const cluster = await redisCluster({ nodeTimeoutMs: 1_000, replicas: 3 })
      t.teardown(() => cluster.stop())
      const [victim] = cluster.primaries as [RedisServer]
      const load = await failoverLoad(t, { url: cluster.url, timeoutMs: 2_000 })
      await died(t, load, victim, cluster.replica)

      const promoted = `127.0.0.1:${cluster.replica.port}`
      const told = load.events.find(({ event }) => event === 'copies-fewer')
      t.like(told, { server: promoted, copies: 1, copiesWanted: 2 })
      t.regex(
        load.warnings().join(),
        new RegExp(`${promoted} acknowledges writes with 1 of 2 copies: .* refused in \\d+ s`),
      )

      // Another server in the place of the dead one: the copies are complete again.
      const spare = await cluster.join()
      await spare.ask('CLUSTER', 'REPLICATE', await cluster.replica.ask('CLUSTER', 'MYID'))
      await until('the copies to be complete', () => load.events.some(({ event }) => event === 'copies-restored'))
      await until('the warnings to end', () => load.warnings().length === 0)
      await load.assertNothingLost()
    },
  )

  onRedis(`a group of a primary and one replica behind Sentinels goes on after a death (${round})`, async (t) => {
    const group = await sentinelGroup({ replicas: 1, downAfterMs: 500 })
    t.teardown(() => group.stop())
    const [primary, replica] = group.servers as [RedisServer, RedisServer]
    const load = await failoverLoad(t, { url: group.url, timeoutMs: 2_000 })
    await died(t, load, primary, replica)
    t.true(load.events.some(({ event }) => event === 'copies-fewer'))
    await load.assertNothingLost()
  })
}

for (const { title, options, told } of [
  { title: 'fewerCopies=refuse', options: { fewerCopies: 'refuse' }, told: ['copies-refused'] },
  {
    title: 'the time for fewer copies is over',
    options: { fewerCopiesMaxMs: 1_500 },
    told: ['copies-fewer', 'copies-refused'],
  },
] as const) {
  onRedis(`${title}: changes are refused, reads go on, and events report both`, async (t) => {
    const primary = await redisServer()
    t.teardown(() => primary.stop())
    const url = `${primary.url}?ack=one&timeoutMs=1000`
    const load = await failoverLoad(t, { url, fewerCopies: 'acknowledge', ...options })
    await until('changes to be refused', () => load.counts.refused > 100)
    t.true((await load.look()).every((status) => status === 200))
    t.deepEqual([...new Set(load.events.map(({ event }) => event))], [...told])
    t.regex(load.warnings().join(), /has 1 of 2 copies: its writes are refused/)

    const replica = await redisServer({ settings: ['--replicaof', `127.0.0.1 ${primary.port}`] })
    t.teardown(() => replica.stop())
    await load.undisturbed(UNDISTURBED)
    t.true(load.events.some(({ event }) => event === 'copies-restored'))
    await load.assertNothingLost()
  })
}
