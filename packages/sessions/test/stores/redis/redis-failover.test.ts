import test from 'ava'
import { StoreCopiesError } from '../../../src/errors.ts'
import { outage } from '../../support/redis/outage.ts'
import { redisRelay } from '../../support/redis/relay.ts'
import { sentinelGroup, watched } from '../../support/redis/sentinel.ts'
import { redisMissing, redisServer } from '../../support/redis/server.ts'
import { creation, freshKey } from '../../support/records.ts'
import { openRedis } from '../../support/redis/sessions.ts'
import { until } from '../../support/until.ts'

// One after the other: a Sentinel that gets no processor time for two seconds trusts nothing for half a minute.
const onRedis = redisMissing === undefined ? test.serial : test.skip
if (redisMissing !== undefined) test.skip(`failover by Sentinels: ${redisMissing}`, () => {})

const TIMEOUT_MS = 1_000
/** The timeout is the store's; the rest is a machine that is busy with other tests. */
const CALL_MAX_MS = TIMEOUT_MS + 29_000

for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
  onRedis(
    `a primary that gets ${signal} is followed by a replica, with everything that was acknowledged`,
    async (t) => {
      const group = await sentinelGroup({ replicas: 2, downAfterMs: 500 })
      t.teardown(() => group.stop())
      const [primary] = group.servers
      const store = await openRedis(t, { url: group.url, timeoutMs: TIMEOUT_MS })
      const users = outage(t, store, CALL_MAX_MS)
      await users.acknowledged(20)
      primary?.process.kill(signal)
      await users.through()
      await users.assertKept()
      await store.health()
    },
  )
}

const replicaOf = (port: number) => ['--replicaof', `127.0.0.1 ${port}`]

onRedis('a late replica that a Sentinel prefers has what all copies had, and not what one had', async (t) => {
  const primary = await redisServer()
  const relay = await redisRelay(t, primary)
  const preferred = { settings: [...replicaOf(relay.port), '--replica-priority', '1'] }
  const replicas = [{ settings: replicaOf(primary.port) }, preferred]
  const group = await watched(primary, replicas, { downAfterMs: 500, failoverTimeoutMs: 60_000 })
  t.teardown(() => group.stop())
  const opened = (ack: 'all' | 'one') =>
    openRedis(t, { url: `${group.url}?ack=${ack}&timeoutMs=4000&fewerCopies=refuse` })
  const [all, one] = await Promise.all([opened('all'), opened('one')])
  const [onAll, onOne] = [freshKey(), freshKey()]
  t.is((await all.write(onAll, creation())).status, 'written')
  relay.hold()
  t.is((await one.write(onOne, creation())).status, 'written')
  await t.throwsAsync(all.write(freshKey(), creation()), { instanceOf: StoreCopiesError })
  primary.process.kill('SIGKILL')
  await until('a replica to be the primary', async () => (await all.read(onAll))?.body === 'one')
  t.is(await all.read(onOne), undefined)
})
