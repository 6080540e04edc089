/** The usual first Redis store for koa-session. */
import type { Redis } from 'ioredis'

export function tenLineStore(redis: Redis) {
  return {
    async get(key: string) {
      const text = await redis.get(key)
      return text === null ? undefined : (JSON.parse(text) as unknown)
    },
    async set(key: string, session: unknown, ttlMs: number) {
      await redis.set(key, JSON.stringify(session), 'PX', ttlMs)
    },
    async destroy(key: string) {
      await redis.del(key)
    },
  }
}
