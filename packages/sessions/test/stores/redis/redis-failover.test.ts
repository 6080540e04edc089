import test from 'ava'
import { outage } from '../../support/redis/outage.ts'
import { sentinelGroup } from '../../support/redis/sentinel.ts'
import { redisMissing } from '../../support/redis/server.ts'
import { openRedis } from '../../support/redis/sessions.ts'

// One after the other: a Sentinel that gets no processor time for two seconds trusts nothing for half a minute.
const onRedis = redisMissing === undefined ? test.serial : test.skip
if (redisMissing !== undefined) test.skip(`failover by Sentinels: ${redisMissing}`, () => {})

const TIMEOUT_MS = 1_000
/** The timeout is the store's; the rest is a machine that is busy with other tests. */
const CALL_MAX_MS = TIMEOUT_MS + 9_000

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
