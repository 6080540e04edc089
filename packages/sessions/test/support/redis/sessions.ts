/** An open store of a test's own on some Redis. */
import type { ExecutionContext } from 'ava'
import type { SessionStore } from '../../../src/contract.ts'
import { redisStore, type RedisStoreOptions } from '../../../src/stores/redis/redis.ts'

export async function openRedis(t: ExecutionContext, options: RedisStoreOptions): Promise<SessionStore> {
  const store = redisStore(options)
  t.teardown(() => store.close())
  await store.open()
  return store
}
