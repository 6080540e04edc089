import { benchRedis } from '../../harness/redis.ts'
import { slowRelay } from '../../sessions/slow-relay.ts'

/** A Redis, and a way to it on which every answer takes a while longer. */
export async function slowRedis(): Promise<{ readonly url: string; stop(): void }> {
  const redis = await benchRedis()
  const relay = await slowRelay(redis.url)
  return {
    url: relay.url,
    stop() {
      relay.stop()
      redis.stop()
    },
  }
}
