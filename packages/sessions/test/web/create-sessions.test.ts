/** Sessions without an adapter, through real HTTP: plain node:http, Hono, and the shape of Next's route handlers. */
import { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import test from 'ava'
import { Hono } from 'hono'
import type { SessionStore } from '../../src/contract.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import {
  createSessions,
  SessionError,
  StoreUnavailableError,
  type WebSession,
  type WebSessionsOptions,
} from '../../src/web/index.ts'
import { gathering } from '../support/each-middleware.ts'
import { listener } from '../support/koa-server.ts'
import { client, KEY } from '../support/shop.ts'

interface Fields {
  user: string
  count: number
  a: boolean
  b: boolean
}

type Handler = (session: WebSession<Fields>, gather: () => Promise<void>) => unknown

const routes: Readonly<Record<string, Handler>> = {
  '/login': (session) => session.login({ user: 'u' }),
  '/a': async ({ data }, gather) => {
    await gather()
    data.a = true
  },
  '/b': async ({ data }, gather) => {
    await gather()
    data.b = true
  },
  '/count': (session) => session.update((draft) => (draft.count = (draft.count ?? 0) + 1)),
  '/logout': (session) => session.logout(),
  '/again': async (session) => {
    await session.logout()
    session.data.count = 7
  },
  '/late': async (session, gather) => {
    await gather()
    await gather()
    session.data.a = true
  },
  '/fails': async (session) => {
    session.data.a = true
    await session.update((draft) => (draft.count = 1))
    session.data.b = true
    throw new Error('the handler failed')
  },
  '/': ({ data }) => data,
}

const options = (store: SessionStore): WebSessionsOptions<Fields> => ({ store, keys: [KEY], secure: false })

type Serve = (store: SessionStore, gather: () => Promise<void>) => RequestListener

/** As an application on plain node:http would do it. */
const plain: Serve = (store, gather) => {
  const sessions = createSessions<Fields>(options(store))
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const session = await sessions.load(request)
    try {
      const body = (await routes[request.url ?? '']?.(session, gather)) ?? null
      for (const cookie of await session.commit()) response.appendHeader('Set-Cookie', cookie)
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(body))
    } catch (error) {
      const { status, headers } = error instanceof SessionError ? error : { status: 500, headers: {} }
      for (const cookie of await session.cookies()) response.appendHeader('Set-Cookie', cookie)
      response.writeHead(status, headers).end()
    }
  }
  return (request, response) => void answer(request, response)
}

/** The Hono application with a middleware, as one would have it. */
const hono: Serve = (store, gather) => {
  const sessions = createSessions<Fields>(options(store))
  const app = new Hono<{ Variables: { session: WebSession<Fields> } }>()
  app.use(async (c, next) => {
    const session = await sessions.load(c.req.raw)
    c.set('session', session)
    await next()
    // Hono has answered a failed handler by onError.
    const cookies = await (c.error === undefined ? session.commit() : session.cookies())
    for (const cookie of cookies) c.header('Set-Cookie', cookie, { append: true })
  })
  app.onError((error) =>
    error instanceof SessionError ? new Response(null, error) : new Response(null, { status: 500 }),
  )
  app.get('*', async (c) => c.json((await routes[c.req.path]?.(c.get('session'), gather)) ?? null))
  return served((request) => app.fetch(request))
}

/** A route handler of Next is a function from a Request to a Response. */
const next: Serve = (store, gather) => {
  const sessions = createSessions<Fields>(options(store))
  const GET = async (request: Request): Promise<Response> => {
    const session = await sessions.load(request)
    const headers = new Headers()
    try {
      const body = (await routes[new URL(request.url).pathname]?.(session, gather)) ?? null
      for (const cookie of await session.commit()) headers.append('Set-Cookie', cookie)
      return Response.json(body, { headers })
    } catch (error) {
      for (const cookie of await session.cookies()) headers.append('Set-Cookie', cookie)
      return new Response(null, { status: error instanceof SessionError ? error.status : 500, headers })
    }
  }
  return served(GET)
}

/** Two meetings of a request and the test, one after the other. */
function twoStages(): () => Promise<void> {
  const stages = [gathering(2), gathering(2)]
  let calls = 0
  return async () => await stages[Math.floor(calls++ / 2)]?.()
}

/** A server for what takes a Request and gives a Response. */
function served(fetches: (request: Request) => Response | Promise<Response>): RequestListener {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as [string, string])
    const answered = await fetches(new Request(`http://host${request.url}`, { headers }))
    response.statusCode = answered.status
    response.setHeaders(answered.headers)
    response.end(await answered.text())
  }
  return (request, response) => void answer(request, response)
}

for (const [name, serve] of Object.entries({ plain, hono, next })) {
  test(`${name}: a visit that keeps nothing gets no cookie; a login gets another id`, async (t) => {
    const browser = client(await listener(t, serve(memoryStore(), gathering(2))))
    t.deepEqual((await browser.get('/')).setCookie, [])
    const [begun] = (await browser.get('/count')).setCookie
    t.regex(begun ?? '', /^sid=[\w-]{22}\.[\w-]{43}\.[\w-]{43}; path=\/; samesite=lax; httponly$/)
    const { cookie } = browser
    await browser.get('/login')
    t.not(browser.cookie, cookie)
    const read = await browser.get('/')
    t.deepEqual([read.body, read.setCookie], [{ user: 'u', count: 1 }, []])
  })

  test(`${name}: two tabs lose nothing, neither fields nor counts`, async (t) => {
    const origin = await listener(t, serve(memoryStore(), gathering(2)))
    const tab = client(origin)
    await tab.get('/login')
    const other = client(origin, tab.cookie)
    await Promise.all([tab.get('/a'), other.get('/b')])
    const counts = await Promise.all(Array.from({ length: 6 }, () => client(origin, tab.cookie).get('/count')))
    t.deepEqual(
      counts.map(({ body }) => Number(body)).sort((one, other) => one - other),
      [1, 2, 3, 4, 5, 6],
    )
    t.deepEqual((await tab.get('/')).body, { user: 'u', a: true, b: true, count: 6 })
  })

  test(`${name}: a logout is final, also for a slower request, and takes the cookie back`, async (t) => {
    const gate = twoStages()
    const origin = await listener(t, serve(memoryStore(), gate))
    const tab = client(origin)
    await tab.get('/login')
    const { cookie } = tab
    const late = client(origin, cookie).get('/late')
    await gate()
    await tab.get('/logout')
    t.is(tab.cookie, undefined)
    await gate()
    t.is((await late).status, 401)
    t.deepEqual((await client(origin, cookie).get('/')).body, {})
  })

  test(`${name}: a session that is begun after a logout has an unrelated id`, async (t) => {
    const origin = await listener(t, serve(memoryStore(), gathering(2)))
    const tab = client(origin)
    await tab.get('/login')
    const [before = ''] = (tab.cookie ?? '').split('.')
    await tab.get('/again')
    t.false((tab.cookie ?? before).startsWith(before))
    t.deepEqual((await tab.get('/')).body, { count: 7 })
  })

  test(`${name}: what a handler wrote before it failed has its cookie, and the rest is not written`, async (t) => {
    const browser = client(await listener(t, serve(memoryStore(), gathering(2))))
    t.is((await browser.get('/fails')).status, 500)
    t.deepEqual((await browser.get('/')).body, { a: true, count: 1 })
  })

  test(`${name}: while the store is out, a change is a 503 with Retry-After or a 500 of the framework, and the cookie stays`, async (t) => {
    const store = memoryStore()
    const browser = client(await listener(t, serve(store, gathering(2))))
    await browser.get('/login')
    const { cookie } = browser
    const write = store.write.bind(store)
    store.write = () => Promise.reject(new SessionError('STORE_UNAVAILABLE', 503, 'out', { retryAfterS: 1 }))
    t.is((await browser.get('/count')).status, 503)
    t.is(browser.cookie, cookie)
    store.write = write
    t.is((await browser.get('/count')).body, 1)
  })
}

test('the cookie is the one of sessions(): a forged one opens nothing, and maxAge keeps it', async (t) => {
  const store = memoryStore()
  const sessions = createSessions({ store, keys: [KEY], secure: true, maxAge: 60_000, domain: 'example.com' })
  const headers = new Headers()
  const session = await sessions.load({ headers })
  session.data['user'] = 'u'
  const [cookie = ''] = await session.commit()
  t.regex(cookie, /^__Secure-sid=\S+; path=\/; expires=[^;]+ GMT; domain=example\.com; samesite=lax; secure; httponly$/)
  const [pair = ''] = cookie.split(';')
  t.deepEqual((await sessions.load({ headers: { cookie: `a=b; ${pair}` } })).data, { user: 'u' })
  t.deepEqual((await sessions.load({ headers: { cookie: `${pair}x` } })).data, {})
  t.is((await sessions.users.list('u')).length, 1)
})

test('a logout takes back the cookie of a session that has ended before', async (t) => {
  const sessions = createSessions({ store: memoryStore(), keys: [KEY], secure: false })
  const first = await sessions.load({ headers: {} })
  await first.login({ user: 'u' })
  const [pair = ''] = (await first.commit())[0]?.split(';') ?? []
  for (let time = 0; time < 2; time++) {
    const session = await sessions.load({ headers: { cookie: pair } })
    await session.logout()
    t.regex((await session.commit()).join(), /^sid=; path=\/; expires=Thu, 01 Jan 1970/)
  }
})

const out = () => Promise.reject(new StoreUnavailableError('redis at 10.0.0.1:6379'))

test('an error of the store says that it is out, and tells where it is only by its cause', async (t) => {
  const store = memoryStore()
  const sessions = createSessions({ store, keys: [KEY], secure: false, guard: { failuresMax: 1_000 } })
  const session = await sessions.load({ headers: {} })
  await session.login({ user: 'u' })
  const [pair = ''] = (await session.commit())[0]?.split(';') ?? []
  Object.assign(store, { read: out, write: out, destroy: out })
  session.data['a'] = 1
  for (const call of [
    () => sessions.load({ headers: { cookie: pair } }),
    () => session.update((draft) => (draft['b'] = 1)),
    () => session.login({ user: 'v' }),
    () => session.commit(),
    () => session.single('name', () => 1),
    () => session.logout(),
  ]) {
    const error = { instanceOf: StoreUnavailableError, message: 'The session store is not available.' }
    const { cause, status, headers } = await t.throwsAsync(call(), error)
    t.regex(String(cause), /10\.0\.0\.1/)
    t.deepEqual([status, headers], [503, { 'Retry-After': '1' }])
  }
})

const made = (given: object) => () => createSessions({ store: 'memory:', keys: [KEY], secure: false, ...given })

test('options that can not be used are refused in words', (t) => {
  t.throws(made({ keys: undefined }), { message: /createSessions\(\) needs the option keys/ })
  t.throws(made({ keys: ['short'] }), { message: /keys\[0\] has 5 characters/ })
  t.throws(made({ outage: 'closed' }), { message: /createSessions\(\) has no option 'outage'/ })
  t.throws(made({ store: 'token:' }), { message: /createSessions\(\): token: / })
})
