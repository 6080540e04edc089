/** Hono, on the server that it recommends for Node. */
import { serve } from '@hono/node-server'
import { createSessions } from '@ninelives/sessions/web'
import { Hono } from 'hono'

const sessions = createSessions({ store: 'memory:', keys: ['a key of thirty-two characters, 1'], secure: false })

const app = new Hono()
app.use(async (c, next) => {
  const session = await sessions.load(c.req.raw)
  c.set('session', session)
  await next()
  for (const cookie of await session.commit()) c.header('Set-Cookie', cookie, { append: true })
})
app.get('/', async (c) =>
  c.json({ count: await c.get('session').update((draft) => (draft.count = (draft.count ?? 0) + 1)) }),
)

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => process.send(port))
process.on('disconnect', () => process.exit())
