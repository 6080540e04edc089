/** koa-session with the usual first store: over Redis, or over a map in the process. */
import { Redis } from 'ioredis'
import { tenLineStore } from '../ten-line-redis.ts'
import { koaShop } from './koa-shop.ts'
import { environment } from '../program.ts'

const { storeUrl } = environment

koaShop(storeUrl === 'memory:' ? mapStore() : tenLineStore(new Redis(storeUrl)))

function mapStore() {
  const sessions = new Map<string, string>()
  return {
    async get(key: string) {
      const text = sessions.get(key)
      return text === undefined ? undefined : (JSON.parse(text) as unknown)
    },
    async set(key: string, session: unknown) {
      sessions.set(key, JSON.stringify(session))
    },
    async destroy(key: string) {
      sessions.delete(key)
    },
  }
}
