/** For how long a keyed request is known again, what its repeat is answered, and what is dropped of one that failed. */
import test, { type ExecutionContext } from 'ava'
import type { Clock } from '../../src/clock.ts'
import type { SessionStore } from '../../src/contract.ts'
import { idempotency } from '../../src/koa/idempotency.ts'
import type { SessionsOptions } from '../../src/koa/koa.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { client, type Client, type Handler, shop } from '../support/shop.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

type Draft = Record<string, unknown>
type Fields = Record<string, unknown>

const add = (field: string) => (draft: Draft) => (draft[field] = Number(draft[field] ?? 0) + 1)

const once = (handler: Handler): Handler => {
  const middleware = idempotency()
  return async (ctx) => {
    await middleware(ctx, async () => {
      ctx.body = (await handler(ctx)) ?? null
    })
    return ctx.body
  }
}

const routes: Record<string, Handler> = {
  '/begin': (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u' }),
  '/': (ctx) => ctx.session,
  '/order': once(async (ctx) => ({ orders: await ctx.session?.update('order', add('orders')) })),
  '/field': once((ctx) => {
    const session = ctx.session as Fields
    return { total: (session['total'] = Number(session['total'] ?? 0) + 1) }
  }),
  '/redirect': once(async (ctx) => {
    await ctx.session?.update('order', add('orders'))
    ctx.set('X-Order', '17')
    ctx.redirect('/orders/17')
    return 'See the order.'
  }),
  '/sold-out': once(async (ctx) => {
    const session = ctx.session as Fields
    if (session['sold'] !== undefined) ctx.throw(422, 'sold out')
    await ctx.session?.update('sell', add('sold'))
    return { sold: 1 }
  }),
}

/** A day and a session longer than it, on a clock that the test moves. */
async function begun(t: ExecutionContext, options: Partial<SessionsOptions> = {}, more: Record<string, Handler> = {}) {
  const time = { nowMs: Date.UTC(2030, 0, 1) }
  const clock: Clock = { now: () => time.nowMs }
  const store = watched(memoryStore({ clock }))
  const timeouts = { idleTimeoutMs: 3 * DAY_MS, absoluteTimeoutMs: 9 * DAY_MS }
  const url = await shop(t, { ...routes, ...more }, { store, clock, ...timeouts, ...options })
  const browser = client(url)
  await browser.get('/begin')
  return { time, store, browser, url }
}

/** Remembers what it was last given to write, and how often. */
function watched(inner: SessionStore) {
  const seen = { writes: 0, body: '' }
  const write: SessionStore['write'] = async (key, change) => {
    if (!key.startsWith('~')) Object.assign(seen, { writes: seen.writes + 1, body: change.body })
    return await inner.write(key, change)
  }
  return { ...inner, write, seen }
}

const body = async (browser: Client, path: string, key?: string): Promise<unknown> =>
  (await browser.get(path, key)).body

test('a request is known again a day later, whatever came in between, and after that is a new one', async (t) => {
  const { browser, time } = await begun(t)
  t.deepEqual(await body(browser, '/order', 'key'), { orders: 1 })
  t.deepEqual(await body(browser, '/field', 'field'), { total: 1 })
  for (let other = 0; other < 50; other++) await browser.get('/order', `other-${other}`)
  time.nowMs += DAY_MS - MINUTE_MS
  await browser.get('/begin')
  t.deepEqual(await body(browser, '/order', 'key'), { orders: 1 })
  t.deepEqual(await body(browser, '/field', 'field'), { total: 1 })
  time.nowMs += MINUTE_MS
  t.deepEqual(await body(browser, '/order', 'key'), { orders: 52 })
})

test('the window is an option', async (t) => {
  const { browser, time } = await begun(t, { idempotencyWindowMs: HOUR_MS })
  for (const orders of [1, 1, 2]) {
    t.deepEqual(await body(browser, '/order', 'key'), { orders })
    time.nowMs += HOUR_MS / 2
  }
})

test('where room ran out a repeat is refused, and not carried out twice', async (t) => {
  const { browser } = await begun(t, { idempotencyBytesMax: 8_192 })
  for (let n = 0; n < 130; n++) await browser.get('/order', `key-${n}`)
  const repeated = await browser.get('/order', 'key-0')
  t.is(repeated.status, 409)
  t.regex(String(repeated.body), /carried out before/)
  t.deepEqual(await body(browser, '/order', 'key-129'), { orders: 130 })
  t.like(await body(browser, '/'), { orders: 130 })
})

test('a key that is forgotten before its time is reported', async (t) => {
  const events: string[] = []
  const { browser } = await begun(t, { idempotencyKeysMax: 3, onEvent: ({ event }) => void events.push(event) })
  for (let n = 0; n < 3; n++) await browser.get('/order', `key-${n}`)
  t.deepEqual(events, [])
  await browser.get('/order', 'key-3')
  t.deepEqual(events, ['key-forgotten'])
})

test('a repeat gets the whole answer, whatever the handler would say by now', async (t) => {
  const { browser, url } = await begun(t)
  for (const replayed of [null, 'true']) {
    const sold = await browser.get('/sold-out', 'sell')
    t.deepEqual([sold.status, sold.body, sold.headers.get('idempotency-replayed')], [200, { sold: 1 }, replayed])
    const headers = { cookie: browser.cookie ?? '', 'idempotency-key': 'redirect' }
    const redirect = await fetch(`${url}/redirect`, { headers, redirect: 'manual' })
    t.is(redirect.status, 302)
    t.is(redirect.headers.get('location'), '/orders/17')
    t.is(redirect.headers.get('x-order'), '17')
    t.is(redirect.headers.get('idempotency-replayed'), replayed)
    t.is(await redirect.text(), 'See the order.')
  }
})

test("a balancer's key costs one write and is kept as long as it says; a client's costs a second, for the answer", async (t) => {
  const { browser, store, time } = await begun(t)
  const writes = async (path: string, key?: string): Promise<number> => {
    const before = store.seen.writes
    await browser.get(path, key)
    return store.seen.writes - before
  }
  t.is(await writes('/order'), 1)
  t.is(await writes('/order', 'balancer-120s-1'), 1)
  t.is(await writes('/field', 'balancer-120s-2'), 1)
  t.is(await writes('/field', 'field'), 1)
  t.is(await writes('/order', 'order'), 2)
  t.deepEqual(await body(browser, '/order', 'balancer-120s-1'), { orders: 2 })
  // By the clock of a node that is ahead.
  time.nowMs += 5 * MINUTE_MS
  t.deepEqual(await body(browser, '/order', 'balancer-120s-1'), { orders: 2 })
  time.nowMs += 3 * MINUTE_MS
  t.deepEqual(await body(browser, '/order', 'balancer-120s-1'), { orders: 4 })
})

test('what is past its time leaves the store with the next read that moves the expiry', async (t) => {
  const { browser, store, time } = await begun(t)
  await browser.get('/order', 'key')
  t.regex(store.seen.body, /"a":/)
  time.nowMs += DAY_MS + MINUTE_MS
  const { writes } = store.seen
  await browser.get('/')
  await browser.get('/')
  t.is(store.seen.writes, writes + 1)
  t.notRegex(store.seen.body, /"a":/)
})

test('fields that a keyed handler set before it failed are not stored: it runs again', async (t) => {
  let failures = 1
  const failing = once(async (ctx) => {
    const session = ctx.session as Fields
    session['total'] = Number(session['total'] ?? 0) + 1
    if (failures-- > 0) ctx.throw(503, 'try again')
    return { total: session['total'] }
  })
  const answering = once((ctx) => {
    const session = ctx.session as Fields
    session['answers'] = Number(session['answers'] ?? 0) + 1
    ctx.status = failures-- > -2 ? 500 : 200
    return { answers: session['answers'] }
  })
  const { browser } = await begun(t, {}, { '/failing': failing, '/answering': answering })
  t.is((await browser.get('/failing', 'key')).status, 503)
  t.deepEqual(await body(browser, '/'), { user: 'u' })
  t.deepEqual(await body(browser, '/failing', 'key'), { total: 1 })
  t.is((await browser.get('/answering', 'other')).status, 500)
  t.deepEqual(await body(browser, '/'), { user: 'u', total: 1 })
  t.is((await browser.get('/answering', 'other')).status, 200)
  t.deepEqual(await body(browser, '/'), { user: 'u', total: 1, answers: 1 })
})

test('a request of a visitor with a key that changes nothing begins no session', async (t) => {
  const { store, url } = await begun(t, {}, { '/look': once(() => ({ looked: true })) })
  const { writes } = store.seen
  const visitor = client(url)
  for (const key of ['key', undefined]) t.deepEqual((await visitor.get('/look', key)).body, { looked: true })
  t.is(visitor.cookie, undefined)
  t.is(store.seen.writes, writes)
})

/** Two nodes: the handler of the first, which says when it has begun and waits, and one that answers meanwhile. */
async function twins(t: ExecutionContext, handle: Handler) {
  const store = memoryStore()
  const begins = Promise.withResolvers<void>()
  const goesOn = Promise.withResolvers<void>()
  const caught: unknown[] = []
  const slow = once(async (ctx) => {
    begins.resolve()
    await goesOn.promise
    return await handle(ctx)
  })
  const guarded: Handler = async (ctx) => {
    try {
      return await slow(ctx)
    } catch (error) {
      caught.push(error)
      ctx.status = 418
      return { caught: String(error) }
    }
  }
  const [slowNode, fastNode] = [await begun(t, { store }, { '/order': guarded }), await begun(t, { store })]
  const late = slowNode.browser.get('/order', 'key')
  await begins.promise
  const first = await client(fastNode.url, slowNode.browser.cookie).get('/order', 'key')
  goesOn.resolve()
  return { first, second: await late, caught, browser: slowNode.browser }
}

test('an answer that a twin was given elsewhere is delivered, and no error goes through the application for it', async (t) => {
  const { first, second, caught } = await twins(t, async (ctx) => {
    return { orders: await ctx.session?.update('order', add('orders')) }
  })
  t.deepEqual([first.status, first.body], [200, { orders: 1 }])
  t.deepEqual([second.status, second.body], [200, { orders: 1 }])
  t.is(second.headers.get('idempotency-replayed'), 'true')
  t.deepEqual(caught, [])
})

test('a handler that takes another path than its twin, or fails, changes nothing once the twin was answered', async (t) => {
  const { first, second, browser } = await twins(t, async (ctx) => {
    const refunds = await ctx.session?.update('refund', add('refunds'))
    if (ctx.session !== null) ctx.session['field'] = refunds
    throw new Error('what the handler makes of what it finds')
  })
  t.deepEqual([first.status, first.body], [200, { orders: 1 }])
  t.deepEqual([second.status, second.body], [200, { orders: 1 }])
  const { body } = await browser.get('/')
  t.like(body, { orders: 1 })
  t.false('refunds' in (body as object) || 'field' in (body as object))
})
