/** An application on Express 5 with express-session over our store. It has no Koa. */
import express from 'express'
import session from 'express-session'
import { expressStore, openStore } from '@ninelives/sessions/express'

const store = await openStore('memory:')
await store.open()
const app = express()
app.use(
  session({
    secret: 'a key of thirty-two characters, 1',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 60_000 },
    store: expressStore({ store, Store: session.Store }),
  }),
)
app.get('/', (req, res) => {
  req.session.count = (req.session.count ?? 0) + 1
  res.json({ count: req.session.count })
})
const server = app.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.on('disconnect', () => process.exit())
