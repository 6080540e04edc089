/**
 * The shop's interface in one file: Express on express-session and connect-redis, set up as their READMEs say. What is wrong
 * with it is wrong with the usual way of keeping sessions: a request reads the whole session, changes its copy, and
 * writes the whole of it back.
 */
import { RedisStore } from 'connect-redis'
import express from 'express'
import session from 'express-session'
import { createClient } from 'redis'

const {
  NODE_NAME = 'a',
  PORT = '8081',
  REDIS_URL = 'redis://127.0.0.1:6379',
  SESSION_SECRET = 'change me',
} = process.env
const HALF_AN_HOUR_MS = 1_800_000

const client = createClient({ url: REDIS_URL })
client.on('error', (error) => process.stderr.write(`redis: ${error.message}\n`))
await client.connect()

const app = express()
app.get('/healthz', (_request, response) => response.json({ ok: true }))
app.use((_request, response, next) => next(response.set('X-Served-By', NODE_NAME) && undefined))
app.use(express.json())
app.use(
  session({
    store: new RedisStore({ client }),
    secret: SESSION_SECRET,
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: HALF_AN_HOUR_MS },
  }),
)

app.post('/api/login', (request, response, next) => {
  const { name, password } = request.body ?? {}
  if (!isAccount(name, password)) return refuse(response, 401, 'LOGIN_REFUSED')
  // Another id, so that one that was planted is worth nothing; what the same visitor had goes with it.
  const { user = name, cart = [], count = 0 } = request.session
  request.session.regenerate((problem) => {
    if (problem) return next(problem)
    Object.assign(request.session, user === name ? { user, cart, count } : { user: name, cart: [], count: 0 })
    response.json({ user: name })
  })
})

app.post('/api/logout', (request, response, next) => {
  request.session.destroy((problem) => (problem ? next(problem) : response.status(204).end()))
})

app.get('/api/session', ({ session: { user } }, response) => {
  response.json(user === undefined ? { authenticated: false } : { authenticated: true, user })
})

app.get('/api/cart', mustBeLoggedIn, showCart)

app.post(
  '/api/cart',
  mustBeLoggedIn,
  ({ session: { cart }, body }, response, next) => {
    const { sku, quantity = 1 } = body ?? {}
    if (typeof sku !== 'string' || !Number.isInteger(quantity)) return refuse(response, 422, 'NOT_AN_ITEM')
    const item = cart.find((each) => each.sku === sku)
    if (item) item.quantity += quantity
    else cart.push({ sku, quantity })
    next()
  },
  showCart,
)

app.post('/api/counter', ({ session }, response) => {
  session.count = (session.count ?? 0) + 1
  response.json({ count: session.count })
})

function mustBeLoggedIn({ session: { user } }, response, next) {
  if (user === undefined) refuse(response, 401, 'NOT_LOGGED_IN')
  else next()
}

function showCart({ session: { user, cart } }, response) {
  response.json({ user, items: cart })
}

/** user-0 with password-0, and so on. */
function isAccount(name, password) {
  return /^user-\d+$/.test(name) && password === name.replace('user', 'password')
}

function refuse(response, status, code) {
  response.status(status).json({ error: { code, message: code.toLowerCase().replaceAll('_', ' ') } })
}

const server = app.listen(Number(PORT), '127.0.0.1')
process.on('SIGTERM', () => server.close(() => process.exit()))
// Started by start.js, it ends with it.
process.on('disconnect', () => process.exit())
