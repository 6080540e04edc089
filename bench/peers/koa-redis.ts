/** koa-session with koa-redis, which brings an older ioredis of its own. */
import { createRequire } from 'node:module'
import createSession, { type CreateSessionOptions } from 'koa-session'
import { MAX_AGE_MS, storeUrl } from './host.ts'
import { koaApplication } from './koa-application.ts'

type Store = NonNullable<CreateSessionOptions['store']>

// Not by an import: the types that there are for it are of another koa-session, and contradict the one in use.
const koaRedis = createRequire(import.meta.url)('koa-redis') as (options: { url: string }) => Store

koaApplication((app) => app.use(createSession({ store: koaRedis({ url: storeUrl }), maxAge: MAX_AGE_MS }, app)))
