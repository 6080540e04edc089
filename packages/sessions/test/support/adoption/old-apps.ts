/** Applications as they were before: the real packages keep their sessions in a Redis. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionContext } from 'ava'
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import { Redis } from 'ioredis'
import Koa from 'koa'
// @ts-expect-error -- it has no types
import untypedKoaRedis from 'koa-redis'
import koaSession, { type SessionOptions } from 'koa-session'
import { createClient } from 'redis'
import { listener, listening } from '../koa-server.ts'

export const OLD_SECRET = 'keyboard cat'

interface OldFields {
  user?: string
  cart?: readonly string[]
}

type Middleware = ReturnType<typeof session>

/** express-session as an application has it; `/login`, `/logout` and, elsewhere, what the session has. */
export async function expressApp(t: ExecutionContext, options: Partial<session.SessionOptions>): Promise<string> {
  const handle = session({ secret: OLD_SECRET, resave: false, saveUninitialized: false, ...options })
  return await listener(t, (request, response) => {
    void runExpress(handle, request, response)
  })
}

export async function connectRedis(t: ExecutionContext, url: string): Promise<RedisStore> {
  const client = createClient({ url })
  client.on('error', () => {
    // Killed with its server.
  })
  await client.connect()
  t.teardown(() => client.destroy())
  return new RedisStore({ client })
}

async function runExpress(handle: Middleware, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const begun = Object.assign(request, { originalUrl: request.url }) as unknown as Parameters<Middleware>[0]
  const answer = response as unknown as Parameters<Middleware>[1]
  const failed = await new Promise((resolve) => handle(begun, answer, resolve))
  if (failed !== undefined) return void response.writeHead(503).end()
  const fields = begun.session as session.Session & OldFields
  if (request.url === '/login') Object.assign(fields, { user: 'ada', cart: ['tea'] })
  if (request.url === '/logout') {
    await new Promise((resolve) => fields.destroy(resolve))
    return void response.end('{}')
  }
  const { cookie: _, ...kept } = fields
  const text = JSON.stringify(kept)
  if (request.url === '/login') await new Promise((resolve) => fields.save(resolve))
  response.end(text)
}

/** koa-session likewise. */
export async function koaApp(t: ExecutionContext, options: Partial<SessionOptions>): Promise<string> {
  const app = new Koa()
  app.keys = [OLD_SECRET]
  app.use(koaSession(options, app))
  app.use((ctx) => {
    if (ctx.path === '/login') Object.assign(ctx.session, { user: 'ada', cart: ['tea'] })
    ctx.body = JSON.stringify(ctx.session)
    if (ctx.path === '/logout') ctx.session = null
  })
  return await listening(t, app)
}

type KoaStore = NonNullable<SessionOptions['store']>
const koaRedis = untypedKoaRedis as (options: { readonly url: string }) => KoaStore & { quit(): Promise<unknown> }

export function koaRedisStore(t: ExecutionContext, url: string): KoaStore {
  const store = koaRedis({ url })
  t.teardown(() => store.quit())
  return store
}

/** As many have written it: koa-session's README says what `get`, `set` and `destroy` are given. */
export function plainKoaStore(t: ExecutionContext, url: string): KoaStore {
  const redis = new Redis(url)
  t.teardown(() => redis.disconnect())
  return {
    async get(key) {
      const text = await redis.get(`shop:${key}`)
      return text === null ? undefined : (JSON.parse(text) as object)
    },
    async set(key, fields, maxAge) {
      const maxAgeMs = typeof maxAge === 'number' ? maxAge : 86_400_000
      await redis.set(`shop:${key}`, JSON.stringify(fields), 'PX', maxAgeMs)
    },
    async destroy(key) {
      await redis.del(`shop:${key}`)
    },
  }
}
