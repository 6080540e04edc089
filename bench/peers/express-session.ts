/** express-session with connect-redis, with the two options that its README recommends. */
import { RedisStore } from 'connect-redis'
import express from 'express'
import session from 'express-session'
import { createClient } from 'redis'
import { handle, MAX_AGE_MS, serve, SIGNING_KEY, storeUrl } from './host.ts'

const client = createClient({ url: storeUrl })
await client.connect()
const store = new RedisStore({ client })
const app = express()
app.use(
  session({ store, secret: SIGNING_KEY, resave: false, saveUninitialized: false, cookie: { maxAge: MAX_AGE_MS } }),
)
app.use((request, response) => {
  response.json(handle(request.method, request.originalUrl, request.session))
})
serve(app)
