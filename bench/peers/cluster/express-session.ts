/** express-session with connect-redis, with the two options that its README recommends. */
import { promisify } from 'node:util'
import { RedisStore } from 'connect-redis'
import express from 'express'
import session from 'express-session'
import { createClient } from 'redis'
import { environment } from '../program.ts'
import { MAX_AGE_MS, SIGNING_KEY } from '../secrets.ts'
import { answer, jsonBody, serve } from './shop.ts'

const client = createClient({ url: environment.storeUrl })
// It connects again by itself; without a listener the process would end.
client.on('error', () => undefined)
await client.connect()
const app = express()
app.use(
  session({
    store: new RedisStore({ client }),
    secret: SIGNING_KEY,
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: MAX_AGE_MS },
  }),
)
// oxlint-disable-next-line oxc/no-async-endpoint-handlers -- Express 5 passes a rejection on to its error handler
app.use(async (request, response) => {
  const { status, body } = await answer(request.method, request.path, await jsonBody(request), {
    fields: () => request.session,
    renew: () => renewed(request),
    end: () => promisify(request.session.destroy.bind(request.session))(),
  })
  response.status(status)
  if (body === undefined) response.end()
  else response.json(body)
})
serve(app)

/** A new session that keeps what the visitor had counted, as the others' do. */
async function renewed(request: express.Request): Promise<void> {
  const { count } = request.session as { readonly count?: number }
  await promisify(request.session.regenerate.bind(request.session))()
  if (count !== undefined) Object.assign(request.session, { count })
}
