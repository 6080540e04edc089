/**
 * @fastify/session with connect-redis. `rolling` is off: by default it writes the session at each read, which would set
 * its reads beside the others' writes.
 */
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { RedisStore } from 'connect-redis'
import Fastify from 'fastify'
import { createClient } from 'redis'
import { handle, listen, MAX_AGE_MS, SIGNING_KEY, storeUrl } from './host.ts'

const client = createClient({ url: storeUrl })
await client.connect()
const app = Fastify()
await app.register(fastifyCookie)
await app.register(fastifySession, {
  secret: SIGNING_KEY,
  rolling: false,
  saveUninitialized: false,
  cookie: { secure: false, maxAge: MAX_AGE_MS },
  store: new RedisStore({ client }),
})
app.all('/*', (request, reply) => {
  void reply.send(handle(request.method, request.url, request.session))
})
await app.ready()
listen(app.server)
