/** koa-session with the store that everybody writes first. */
import { Redis } from 'ioredis'
import createSession from 'koa-session'
import { MAX_AGE_MS, storeUrl } from './host.ts'
import { koaApplication } from './koa-application.ts'
import { tenLineStore } from './ten-line-redis.ts'

const store = tenLineStore(new Redis(storeUrl))
koaApplication((app) => app.use(createSession({ store, maxAge: MAX_AGE_MS }, app)))
