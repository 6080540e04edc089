/** What Express, Fastify and Hono take, in strict TypeScript: neither Koa nor its types are installed. */
import { fastifySession } from '@fastify/session'
import { conformance } from '@ninelives/sessions/conformance'
import { expressStore, fastifyStore, resolve } from '@ninelives/sessions/express'
import { createSessions, type WebSession } from '@ninelives/sessions/web'
import express from 'express'
import session from 'express-session'
import fastify from 'fastify'
import { Hono } from 'hono'

declare module 'express-session' {
  interface SessionData {
    visits: number
  }
}

declare module 'fastify' {
  interface Session {
    visits: number
  }
}

interface Fields {
  visits: number
}

const secret = 'a key of thirty-two characters, 1'

export const onExpress = express()
onExpress.use(
  session({
    secret,
    resave: false,
    saveUninitialized: false,
    store: expressStore({ store: 'memory:', Store: session.Store, resolvers: { visits: resolve.sum } }),
  }),
)
onExpress.get('/', (request, response) => {
  request.session.visits = (request.session.visits ?? 0) + 1
  response.json({ visits: request.session.visits })
})

export const onFastify = fastify()
onFastify.register(fastifySession, { secret, store: fastifyStore({ store: 'memory:' }) })
onFastify.get('/', (request) => {
  request.session.visits = (request.session.visits ?? 0) + 1
  return { visits: request.session.visits }
})

const sessions = createSessions<Fields>({ store: 'memory:', keys: [secret], secure: false })

export const onHono = new Hono<{ Variables: { session: WebSession<Fields> } }>()
onHono.use(async (c, next) => {
  c.set('session', await sessions.load(c.req.raw))
  await next()
  for (const cookie of await c.get('session').commit()) c.header('Set-Cookie', cookie, { append: true })
})
onHono.get('/', async (c) =>
  c.json({ visits: await c.get('session').update((draft) => (draft.visits = (draft.visits ?? 0) + 1)) }),
)

export const others = { conformance }
