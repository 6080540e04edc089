/** koa-session with koa-redis, which brings an older ioredis of its own. */
import { createRequire } from 'node:module'
import { koaShop, type Store } from './koa-shop.ts'
import { environment } from '../program.ts'

// Not by an import: the types that there are for it are of another koa-session, and contradict the one in use.
const koaRedis = createRequire(import.meta.url)('koa-redis') as (options: { url: string }) => Store

koaShop(koaRedis({ url: environment.storeUrl }))
