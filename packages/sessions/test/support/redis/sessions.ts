/** An open store of a test's own on some Redis, and sessions in it. */
import { randomBytes } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import type { SessionKey, SessionStore, SessionWrite } from '../../../src/contract.ts'
import { newSessionId, sessionKey } from '../../../src/secrets/id.ts'
import { redisStore, type RedisStoreOptions } from '../../../src/stores/redis/redis.ts'

export async function openRedis(t: ExecutionContext, options: RedisStoreOptions): Promise<SessionStore> {
  const store = redisStore(options)
  t.teardown(() => store.close())
  await store.open()
  return store
}

export const inAnHour = (): number => Date.now() + 3_600_000
export const freshKey = (): SessionKey => sessionKey(newSessionId(randomBytes).handle)
export const creation = (body = 'one'): SessionWrite => ({ expectedVersion: 0, expiresAtMs: inAnHour(), body })
export const change = (expectedVersion: number, body = 'changed'): SessionWrite => ({
  ...creation(body),
  expectedVersion,
})
