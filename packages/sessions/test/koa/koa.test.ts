import { inspect } from 'node:util'
import test from 'ava'
import Koa from 'koa'
import type { SessionStore } from '../../src/contract.ts'
import { StoreFullError, StoreUnavailableError } from '../../src/errors.ts'
import { idempotency } from '../../src/koa/idempotency.ts'
import { sessions } from '../../src/koa/koa.ts'
import { sessionBinding } from '../../src/protection/binding.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listening } from '../support/koa-server.ts'
import { client, type Handler, KEY, shop } from '../support/shop.ts'

const fields: Handler = (ctx) => ({ fields: ctx.session, info: ctx.sessionInfo })

const notStatic = (ctx: { path: string }): boolean => !ctx.path.startsWith('/static')

const increment = (ctx: Koa.Context) =>
  ctx.session?.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1))

const login: Handler = async (ctx) => {
  Object.assign(ctx.session ?? {}, { user: 'u' })
  await ctx.session?.regenerate()
}

const logout: Handler = (ctx) => {
  ctx.session = null
}

const set =
  (changes: Record<string, unknown>): Handler =>
  (ctx: Koa.Context) => {
    Object.assign(ctx.session ?? {}, changes)
    return 'set'
  }

test('a session that was never filled sets no cookie and stores nothing', async (t) => {
  const store = memoryStore()
  const browser = client(await shop(t, { '/': fields }, { store }))
  t.deepEqual((await browser.get('/')).body, { fields: {} })
  t.is(browser.cookie, undefined)
  t.is(store.localSessionCount?.(), 0)
})

test('fields survive from request to request, and the cookie is set once', async (t) => {
  const browser = client(await shop(t, { '/set': set({ user: 'u', cart: { a: 1 } }), '/': fields }))
  const [cookie] = (await browser.get('/set')).setCookie
  t.regex(cookie ?? '', /^sid=[\w-]{22}\.[\w-]{43}(\.[\w-]{22})?\.[\w-]{43}; path=\/; samesite=lax; httponly$/)
  const answer = await browser.get('/')
  t.like(answer.body, { fields: { user: 'u', cart: { a: 1 } }, info: { version: 1 } })
  t.deepEqual(answer.setCookie, [])
})

test('where a request does not need its session nothing is read, and using it is an error', async (t) => {
  const store = memoryStore()
  const read = store.read.bind(store)
  let reads = 0
  store.read = (key) => (reads++, read(key))
  const routes = { '/set': set({ user: 'u' }), '/static': () => 'file', '/static/wrong': fields, '/': fields }
  const browser = client(await shop(t, routes, { store, needed: notStatic }))
  await browser.get('/set')
  const { cookie } = browser
  reads = 0
  const file = await browser.get('/static')
  t.deepEqual([file.status, file.body, file.setCookie, reads], [200, 'file', [], 0])
  t.is((await browser.get('/static/wrong')).status, 500)
  t.is(browser.cookie, cookie)
  t.like((await browser.get('/')).body, { fields: { user: 'u' } })
})

for (const [name, middleware] of [
  ["a binding's guard", sessionBinding({ keys: [KEY] }).guard],
  ['idempotency()', idempotency()],
] as const) {
  test(`where a request does not need its session, ${name} lets it pass`, async (t) => {
    const app = new Koa()
    sessions(app, { store: memoryStore(), keys: [KEY], secure: false, needed: notStatic })
    app.use(middleware)
    app.use((ctx) => {
      ctx.body = 'file'
    })
    const origin = await listening(t, app)
    for (const key of [undefined, 'key', 'balancer-120s-1']) {
      const { status, body } = await client(origin).get('/static', key)
      t.deepEqual([status, body], [200, 'file'], key)
    }
  })
}

test('an answer says that the store is out or full, and not where it is; the error says both to the application', async (t) => {
  const store = memoryStore()
  const read = store.read.bind(store)
  const heard: Error[] = []
  const routes = { '/set': set({ user: 'u' }), '/more': set({ more: true }), '/': fields }
  const origin = await shop(t, routes, { store, guard: { failuresMax: 1_000 } }, (_, app) => {
    app.on('error', (error: Error) => heard.push(error))
  })
  const browser = client(origin)
  await browser.get('/set')
  store.read = () => Promise.reject(new StoreUnavailableError('redis at 10.0.0.1:6379'))
  const out = await browser.get('/')
  t.deepEqual([out.status, out.body], [503, 'The session store is not available.'])
  t.is(out.headers.get('retry-after'), '1')
  store.read = read
  store.write = () => Promise.reject(new StoreFullError('redis at 10.0.0.1:6379, out of memory'))
  const full = await browser.get('/more')
  t.deepEqual([full.status, full.body], [503, 'The session store is full.'])
  for (const error of heard) {
    t.true(error instanceof StoreUnavailableError)
    t.regex(inspect(error), /10\.0\.0\.1/)
  }
  t.is(heard.length, 2)
})

test('a secure cookie is named __Host- and sent over https only', async (t) => {
  const browser = client(await shop(t, { '/set': set({ a: 1 }) }, { secure: true }))
  const [cookie] = (await browser.get('/set')).setCookie
  t.regex(cookie ?? '', /^__Host-sid=[^;]+; path=\/; samesite=lax; secure; httponly$/)
})

test('a forged cookie is an anonymous session, and the store is not asked', async (t) => {
  const store = memoryStore()
  store.read = () => Promise.reject(new Error('the store was asked'))
  const browser = client(
    await shop(t, { '/': fields }, { store }),
    `sid=${'A'.repeat(22)}.${'B'.repeat(43)}.${'C'.repeat(43)}`,
  )
  t.deepEqual((await browser.get('/')).body, { fields: {} })
})

test('nested changes are noticed', async (t) => {
  const origin = await shop(t, {
    '/set': set({ cart: { items: [1] } }),
    '/push': (ctx) => (ctx.session as unknown as { cart: { items: number[] } }).cart.items.push(2),
    '/': fields,
  })
  const browser = client(origin)
  await browser.get('/set')
  await browser.get('/push')
  t.like((await browser.get('/')).body, { fields: { cart: { items: [1, 2] } } })
})

test('requests side by side that set different fields lose none', async (t) => {
  const origin = await shop(t, {
    '/set': set({ user: 'u' }),
    '/slow': async (ctx) => {
      const name = ctx.query['name'] as string
      await new Promise((resolve) => setTimeout(resolve, 50))
      Object.assign(ctx.session ?? {}, { [name]: true })
    },
    '/': fields,
  })
  const browser = client(origin)
  await browser.get('/set')
  await Promise.all(['a', 'b', 'c'].map((name) => browser.get(`/slow?name=${name}`)))
  t.like((await browser.get('/')).body, { fields: { user: 'u', a: true, b: true, c: true } })
})

test('update counts each of many requests side by side, and keeps what the request set before it', async (t) => {
  const origin = await shop(t, {
    '/set': set({ user: 'u' }),
    '/count': async (ctx) => {
      Object.assign(ctx.session ?? {}, { [ctx.querystring]: true })
      const count = await increment(ctx)
      return { count, now: ctx.session?.['count'] }
    },
    '/': fields,
  })
  const browser = client(origin)
  await browser.get('/set')
  const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => browser.get(`/count?n=${n}`)))
  const counts = answers.map(({ body }) => (body as { count: number }).count)
  t.deepEqual(
    counts.sort((a, b) => a - b),
    Array.from({ length: 12 }, (_, n) => n + 1),
  )
  for (const { body } of answers) t.is((body as { now: number }).now >= (body as { count: number }).count, true)
  const { body } = await browser.get('/')
  t.is(Object.keys((body as { fields: object }).fields).length, 14)
})

test('an update by a client without a session begins one', async (t) => {
  const origin = await shop(t, {
    '/count': increment,
  })
  const browser = client(origin)
  await browser.get('/count')
  t.is((await browser.get('/count')).body, 2)
})

test('two updates at once in one request both count', async (t) => {
  const origin = await shop(t, {
    '/twice': async (ctx) => await Promise.all([increment(ctx), increment(ctx)]),
    '/': fields,
  })
  const browser = client(origin)
  t.deepEqual((await browser.get('/twice')).body, [1, 2])
  t.like((await browser.get('/')).body, { fields: { count: 2 } })
})

test('regenerate changes the cookie, keeps the data, and the old id outlives it only by the grace', async (t) => {
  const origin = await shop(t, { '/set': set({ cart: 1 }), '/login': login, '/': fields }, { rotationGraceMs: 1_000 })
  const browser = client(origin)
  await browser.get('/set')
  const before = client(origin, browser.cookie)
  const answer = await browser.get('/login')
  t.is(answer.setCookie.length, 1)
  t.not(browser.cookie, before.cookie)
  t.like((await browser.get('/')).body, { fields: { cart: 1, user: 'u' } })
  const deadlineAtMs = Date.now() + 10_000
  while (Date.now() < deadlineAtMs) {
    const { body } = await before.get('/')
    if (!('user' in (body as { fields: object }).fields)) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  t.deepEqual((await before.get('/')).body, { fields: {} })
  t.like((await browser.get('/')).body, { fields: { cart: 1, user: 'u' } })
})

test('logout ends the session for every holder of the cookie', async (t) => {
  const origin = await shop(t, {
    '/set': set({ user: 'u' }),
    '/logout': logout,
    '/': fields,
  })
  const browser = client(origin)
  await browser.get('/set')
  const thief = client(origin, browser.cookie)
  await browser.get('/logout')
  t.is(browser.cookie, undefined)
  t.deepEqual((await thief.get('/')).body, { fields: {} })
})

test('a slow request that began before the logout is refused and brings nothing back', async (t) => {
  const gate = Promise.withResolvers<void>()
  const began = Promise.withResolvers<void>()
  const origin = await shop(t, {
    '/set': set({ user: 'u' }),
    '/slow': async (ctx) => {
      began.resolve()
      await gate.promise
      Object.assign(ctx.session ?? {}, { late: true })
    },
    '/logout': logout,
    '/': fields,
  })
  const browser = client(origin)
  await browser.get('/set')
  const tab = client(origin, browser.cookie)
  const slow = tab.get('/slow')
  await began.promise
  await client(origin, browser.cookie).get('/logout')
  gate.resolve()
  t.is((await slow).status, 401)
  t.deepEqual((await tab.get('/')).body, { fields: {} })
})

test('a session that is dropped and begun anew in one request is another session, and the old one is over', async (t) => {
  const origin = await shop(t, {
    '/set': set({ user: 'one', secret: 1 }),
    '/swap': (ctx) => {
      ctx.session = null
      ctx.session = { user: 'two' }
    },
    '/': fields,
  })
  const browser = client(origin)
  await browser.get('/set')
  const before = client(origin, browser.cookie)
  await browser.get('/swap')
  t.not(browser.cookie?.slice(0, 26), before.cookie?.slice(0, 26))
  t.like((await browser.get('/')).body, { fields: { user: 'two' }, info: { version: 1 } })
  t.deepEqual((await before.get('/')).body, { fields: {} })
})

test("other contents by 'ctx.session = {...}' come with another id", async (t) => {
  const origin = await shop(t, {
    '/set': set({ planted: true }),
    '/login': (ctx) => {
      ctx.session = { user: 'u' }
    },
    '/': fields,
  })
  const browser = client(origin)
  await browser.get('/set')
  const planted = browser.cookie
  await browser.get('/login')
  t.not(browser.cookie, planted)
  const { body } = await browser.get('/')
  t.deepEqual((body as { fields: object }).fields, { user: 'u' })
})

test('a handler that throws keeps what it changed, and a new session keeps its cookie', async (t) => {
  const origin = await shop(t, {
    '/fail': (ctx) => {
      Object.assign(ctx.session ?? {}, { attempts: 1 })
      ctx.throw(403, 'no')
    },
    '/': fields,
  })
  const browser = client(origin)
  const answer = await browser.get('/fail')
  t.is(answer.status, 403)
  t.is(answer.setCookie.length, 1)
  t.like((await browser.get('/')).body, { fields: { attempts: 1 } })
})

test('two requests that fail with one error do not get the cookies of each other', async (t) => {
  const shared = new StoreUnavailableError('memory')
  const fails = (): never => {
    throw shared
  }
  const origin = await shop(t, {
    '/login': (ctx) => {
      Object.assign(ctx.session ?? {}, { user: 'u' })
      fails()
    },
    '/': fails,
  })
  const [one, other] = [client(origin), client(origin)]
  t.is((await one.get('/login')).setCookie.length, 1)
  const answer = await other.get('/')
  t.deepEqual([answer.status, answer.setCookie], [503, []])
})

const begins = (error: unknown): Handler => {
  return (ctx) => {
    Object.assign(ctx.session ?? {}, { user: 'u' })
    throw error
  }
}

test('an error of any class is answered with the cookie, can be read, and is logged without it', async (t) => {
  class Odd extends Error {
    readonly #status = 418
    get status(): number {
      return this.#status
    }
  }
  const failed: Error[] = []
  const routes = {
    '/timeout': begins(new DOMException('too slow', 'TimeoutError')),
    '/odd': begins(new Odd('odd')),
    '/frozen': begins(Object.freeze(new TypeError('frozen'))),
  }
  const origin = await shop(t, routes, {}, (_layer, app) => app.on('error', (error: Error) => failed.push(error)))
  for (const path of Object.keys(routes)) t.is((await client(origin).get(path)).setCookie.length, 1)
  t.deepEqual(
    failed.map(({ name, message }) => [name, message]),
    [
      ['TimeoutError', 'too slow'],
      ['Error', 'odd'],
      ['TypeError', 'frozen'],
    ],
  )
  for (const error of failed) {
    t.false(inspect(error).includes('sid='))
    // What loggers copy.
    for (const name in error) t.not(name, 'headers')
  }
})

test('a store that is down is a 503 that says when to come back, and the cookie is left alone', async (t) => {
  const down = new Set<string>()
  const inner = memoryStore()
  const failing = <T>(verb: string, call: () => Promise<T>): Promise<T> =>
    down.has(verb) ? Promise.reject(new StoreUnavailableError('memory')) : call()
  const store: SessionStore = {
    ...inner,
    read: (key) => failing('read', () => inner.read(key)),
    write: (key, change) => failing('write', () => inner.write(key, change)),
  }
  const origin = await shop(t, { '/set': set({ user: 'u' }), '/change': set({ b: 2 }), '/': fields }, { store })
  const browser = client(origin)
  await browser.get('/set')
  const { cookie } = browser
  down.add('read')
  const unread = await browser.get('/')
  down.clear()
  down.add('write')
  const unwritten = await browser.get('/change')
  down.clear()
  for (const answer of [unread, unwritten]) {
    t.is(answer.status, 503)
    t.is(answer.headers.get('retry-after'), '1')
    t.deepEqual(answer.setCookie, [])
  }
  t.is(browser.cookie, cookie)
  t.like((await browser.get('/')).body, { fields: { user: 'u' } })
})
