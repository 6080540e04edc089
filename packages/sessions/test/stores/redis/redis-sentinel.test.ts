import test from 'ava'
import { redisStore } from '../../../src/stores/redis/redis.ts'
import { conforms } from '../../support/conforms.ts'
import { sentinelGroup } from '../../support/redis/sentinel.ts'
import { redisMissing } from '../../support/redis/server.ts'

if (redisMissing === undefined) {
  // A pause of a busy machine must not look like a failure here.
  const group = sentinelGroup({ replicas: 1, downAfterMs: 10_000 })
  test.after.always(async () => (await group).stop())

  conforms({
    capabilities: redisStore({ url: 'redis+sentinel://localhost/shop' }).capabilities,
    async open() {
      const store = redisStore({ url: (await group).url, timeoutMs: 20_000 })
      await store.open()
      return store
    },
  })
} else {
  test.skip(`the redis store behind Sentinels: ${redisMissing}`, () => {})
}
