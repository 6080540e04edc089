/**
 * @fastify/session with connect-redis. `rolling` is off: by default it writes the session at each read, which would set
 * its reads beside the others' writes.
 */
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { RedisStore } from 'connect-redis'
import Fastify from 'fastify'
import { createClient } from 'redis'
import { environment, listen } from '../program.ts'
import { MAX_AGE_MS, SIGNING_KEY } from '../secrets.ts'
import { answer, shopServer } from './shop.ts'

const client = createClient({ url: environment.storeUrl })
// It connects again by itself; without a listener the process would end.
client.on('error', () => undefined)
await client.connect()
const app = Fastify({ serverFactory: (handler) => shopServer(handler) })
await app.register(fastifyCookie)
await app.register(fastifySession, {
  secret: SIGNING_KEY,
  rolling: false,
  saveUninitialized: false,
  cookie: { secure: false, maxAge: MAX_AGE_MS },
  store: new RedisStore({ client }),
})
app.all('/*', async (request, reply) => {
  const { session } = request
  const { status, body } = await answer(request.method, request.url, request.body, {
    fields: () => request.session,
    // The new session keeps what the visitor had counted, as the others' do.
    renew: () => session.regenerate(['count']),
    end: () => session.destroy(),
  })
  return await reply.code(status).send(body)
})
await app.ready()
listen(app.server)
