/** An application on Fastify 5 with @fastify/session over our store. Over http the cookie must not be `secure`. */
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import fastify from 'fastify'
import { fastifyStore, openStore } from '@ninelives/sessions/express'

const store = await openStore('memory:')
await store.open()
const app = fastify()
app.register(fastifyCookie)
app.register(fastifySession, {
  secret: 'a key of thirty-two characters, 1',
  cookie: { secure: false, maxAge: 60_000 },
  store: fastifyStore({ store }),
})
// oxlint-disable-next-line oxc/no-async-endpoint-handlers -- it is Fastify, which waits for its handlers
app.get('/', async (request) => {
  request.session.count = (request.session.count ?? 0) + 1
  return { count: request.session.count }
})
await app.listen({ port: 0, host: '127.0.0.1' })
process.send(app.server.address().port)
process.on('disconnect', () => process.exit())
