import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { idempotency } from '../../src/koa/idempotency.ts'
import { gathering } from '../support/each-middleware.ts'
import type { Handler } from '../support/shop.ts'
import { client, shop } from '../support/shop.ts'

/** A handler behind the middleware. */
const once = (handler: Handler): Handler => {
  const middleware = idempotency({ payloadOf: (ctx) => ctx.querystring })
  return async (ctx) => {
    let body: unknown
    await middleware(ctx, async () => {
      body = ctx.body = (await handler(ctx)) ?? null
    })
    return body ?? ctx.body
  }
}

const counted = (ran: string[]): Handler =>
  once(async (ctx) => {
    ran.push('update')
    return { count: await ctx.session?.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1)) }
  })

const added = (ran: string[]): Handler =>
  once((ctx) => {
    ran.push('field')
    const session = ctx.session as Record<string, unknown>
    session['total'] = Number(session['total'] ?? 0) + 1
    return { total: session['total'] }
  })

const routes = (ran: string[]): Record<string, Handler> => ({
  '/begin': (ctx) => void Object.assign(ctx.session ?? {}, { begun: true }),
  '/count': counted(ran),
  '/add': added(ran),
  '/slow': once(async (ctx) => {
    await sleep(300)
    return { count: await ctx.session?.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1)) }
  }),
  '/login': (ctx) => void Object.assign(ctx.session ?? {}, { user: ctx.query['user'] }),
  '/keyed-login': once((ctx) => void Object.assign(ctx.session ?? {}, { user: ctx.query['user'] })),
  '/': (ctx) => ctx.session,
})

test('an update sent three times with one key counts once and is answered alike', async (t) => {
  const browser = client(await shop(t, routes([])))
  await browser.get('/begin')
  for (let attempt = 0; attempt < 3; attempt++) t.deepEqual((await browser.get('/count', 'key')).body, { count: 1 })
  t.deepEqual((await browser.get('/count', 'another-key')).body, { count: 2 })
  t.deepEqual((await browser.get('/count')).body, { count: 3 })
})

test('a plain field set with a key is set once, and the recorded answer comes back without the handler', async (t) => {
  const ran: string[] = []
  const browser = client(await shop(t, routes(ran)))
  await browser.get('/begin')
  const first = await browser.get('/add', 'key')
  const second = await browser.get('/add', 'key')
  t.deepEqual([first.body, second.body], [{ total: 1 }, { total: 1 }])
  t.is(first.headers.get('idempotency-replayed'), null)
  t.is(second.headers.get('idempotency-replayed'), 'true')
  t.deepEqual(ran, ['field'])
  t.deepEqual((await browser.get('/')).body, { begun: true, total: 1 })
})

test('a key with another payload is 422, a malformed key is 400', async (t) => {
  const browser = client(await shop(t, routes([])))
  await browser.get('/begin')
  await browser.get('/count?n=1', 'key')
  t.is((await browser.get('/count?n=2', 'key')).status, 422)
  t.is((await browser.get('/count', 'x'.repeat(256))).status, 400)
  t.is((await browser.get('/count', '"quoted"')).status, 200)
})

test('while a request runs, its twin on the same node is 409 and told to come back', async (t) => {
  const browser = client(await shop(t, routes([])))
  await browser.get('/begin')
  const twins = await Promise.all([browser.get('/slow', 'key'), browser.get('/slow', 'key')])
  t.deepEqual(
    twins.map(({ status }) => status).sort((one, other) => one - other),
    [200, 409],
  )
  t.is(twins.find(({ status }) => status === 409)?.headers.get('retry-after'), '1')
  t.deepEqual((await browser.get('/slow', 'key')).body, { count: 1 })
})

test("a key means nothing in another's session", async (t) => {
  const origin = await shop(t, routes([]))
  for (const browser of [client(origin), client(origin)]) {
    await browser.get('/begin')
    t.deepEqual((await browser.get('/count', 'key')).body, { count: 1 })
  }
})

for (const login of ['/login', '/keyed-login']) {
  test(`a request of before a login is not carried out again after it: ${login}`, async (t) => {
    const browser = client(await shop(t, routes([])))
    await browser.get('/begin')
    t.deepEqual((await browser.get('/count', 'key')).body, { count: 1 })
    for (const user of ['u', 'other']) {
      t.true((await browser.get(`${login}?user=${user}`, `login-${user}`)).status < 300)
      const repeated = await browser.get('/count', 'key')
      t.is(repeated.status, 409)
      t.regex(String(repeated.body), /carried out before/)
    }
    t.deepEqual((await browser.get('/')).body, { begun: true, count: 1, user: 'other' })
    t.deepEqual((await browser.get('/count', 'another-key')).body, { count: 2 })
    t.deepEqual((await browser.get('/count', 'another-key')).body, { count: 2 })
  })
}

test('two logins at once, each after an update of its own as a visitor, both log in, and so do their repeats', async (t) => {
  const gather = gathering(2)
  const login = once(async (ctx) => {
    const attempts = await ctx.session?.update('attempt', (draft) => {
      return (draft['attempts'] = Number(draft['attempts'] ?? 0) + 1)
    })
    await gather()
    Object.assign(ctx.session ?? {}, { user: 'u' })
    return { attempts }
  })
  const origin = await shop(t, { ...routes([]), '/slow-login': login })
  const visitor = client(origin)
  await visitor.get('/begin')
  const clicks = ['one', 'two'].map((key) => ({ key, browser: client(origin, visitor.cookie) }))
  const answers = await Promise.all(clicks.map(({ key, browser }) => browser.get('/slow-login', key)))
  t.deepEqual(
    answers.map(({ status }) => status),
    [200, 200],
  )
  for (const [index, { key, browser }] of clicks.entries()) {
    t.deepEqual((await browser.get('/')).body, { begun: true, attempts: 2, user: 'u' })
    t.deepEqual((await browser.get('/slow-login', key)).body, answers[index]?.body)
  }
})
