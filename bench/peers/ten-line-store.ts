/** koa-session with the store that everybody writes first. */
import { Redis } from 'ioredis'
import createSession from 'koa-session'
import { MAX_AGE_MS, storeUrl } from './host.ts'
import { koaApplication } from './koa-application.ts'

const redis = new Redis(storeUrl)
const store = {
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
koaApplication((app) => app.use(createSession({ store, maxAge: MAX_AGE_MS }, app)))
