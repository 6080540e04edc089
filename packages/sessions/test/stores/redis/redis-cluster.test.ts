import test from 'ava'
import { redisStore } from '../../../src/stores/redis/redis.ts'
import { conforms } from '../../support/conforms.ts'
import { redisCluster } from '../../support/redis/cluster.ts'
import { redisMissing } from '../../support/redis/server.ts'

if (redisMissing === undefined) {
  // A pause of a busy machine must not look like a failure here.
  const cluster = redisCluster({ nodeTimeoutMs: 10_000 })
  test.after.always(async () => (await cluster).stop())

  conforms({
    capabilities: redisStore({ url: 'redis+cluster://localhost' }).capabilities,
    async open() {
      // Keys spread over all three primaries, of which only one has a replica that could acknowledge.
      const store = redisStore({ url: `${(await cluster).url}?ack=local&timeoutMs=20000` })
      await store.open()
      return store
    },
  })
} else {
  test.skip(`the redis store on a Cluster: ${redisMissing}`, () => {})
}
