/** koa-session with the usual first Redis store. */
import { Redis } from 'ioredis'
import createSession from 'koa-session'
import { MAX_AGE_MS, storeUrl } from './host.ts'
import { koaApplication } from './koa-application.ts'
import { tenLineStore } from './ten-line-redis.ts'

const store = tenLineStore(new Redis(storeUrl))
koaApplication((app) => app.use(createSession({ store, maxAge: MAX_AGE_MS }, app)))
