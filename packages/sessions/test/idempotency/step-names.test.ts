/** A request that comes again with its key may take another path: its updates are known again by their names, and only by these. */
import test from 'ava'
import { idempotency } from '../../src/koa/idempotency.ts'
import type { KoaSession } from '../../src/koa/koa.ts'
import { client, type Handler, shop } from '../support/shop.ts'

type Draft = Record<string, unknown>

const add = (field: string) => (draft: Draft) => (draft[field] = Number(draft[field] ?? 0) + 1)

/** `handler` behind the middleware, with what it throws as its answer. */
const once = (handler: (session: KoaSession) => Promise<unknown>): Handler => {
  const middleware = idempotency()
  return async (ctx) => {
    await middleware(ctx, async () => {
      ctx.body = await handler(ctx.session)
    })
    return ctx.body
  }
}

/** As many failures of the payment service as are asked for, between the two updates of one request. */
const checkout = (failures: number, names: { reserve?: string; pay?: string }): Handler =>
  once(async (session) => {
    const update = <T>(name: string | undefined, change: (draft: Draft) => T): Promise<T> =>
      name === undefined ? session.update(change) : session.update(name, change)
    if (session['reserved'] === undefined) await update(names.reserve, add('reserved'))
    if (failures-- > 0) throw new Error('the payment service did not answer')
    return { paid: await update(names.pay, add('paid')) }
  })

const begin: Handler = (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u' })
const show: Handler = (ctx) => ctx.session
const twice: Handler = async (ctx) => [await ctx.session?.update(add('n')), await ctx.session?.update(add('n'))]

test('a repeat that takes another path makes the update that is missing, and no other again', async (t) => {
  const names = { reserve: 'reserve', pay: 'pay' }
  const browser = client(await shop(t, { '/begin': begin, '/checkout': checkout(1, names), '/': show }))
  await browser.get('/begin')
  t.is((await browser.get('/checkout', 'key')).status, 500)
  for (let attempt = 0; attempt < 3; attempt++)
    t.deepEqual((await browser.get('/checkout', 'key')).body, { paid: 1 }, `repeat ${attempt}`)
  t.deepEqual((await browser.get('/')).body, { user: 'u', reserved: 1, paid: 1 })
})

test('a second update without a name is refused in words, with a key and without, and so is its repeat', async (t) => {
  const browser = client(await shop(t, { '/begin': begin, '/checkout': checkout(0, {}), '/': show }))
  for (const key of ['key', 'key', undefined]) {
    if (key === undefined || browser.cookie === undefined) {
      browser.cookie = undefined
      await browser.get('/begin')
    }
    const refused = await browser.get('/checkout', key)
    t.is(refused.status, 500)
    t.regex(String(refused.body), /update without a name.*session\.update\('name', change\)/)
    t.deepEqual((await browser.get('/')).body, { user: 'u', reserved: 1 })
  }
})

test('after a failure, an update without a name is not taken for the one that was made before it', async (t) => {
  const browser = client(await shop(t, { '/begin': begin, '/checkout': checkout(1, {}), '/': show }))
  await browser.get('/begin')
  for (const words of [/Internal Server Error/, /failed before/, /failed before/]) {
    const { status, body } = await browser.get('/checkout', 'key')
    t.is(status, 500)
    t.regex(String(body), words)
  }
  t.deepEqual((await browser.get('/')).body, { user: 'u', reserved: 1 })
  t.deepEqual((await browser.get('/checkout', 'another-key')).body, { paid: 1 })
})

test('one update without a name and the fields that are saved at the end are told apart', async (t) => {
  const browser = client(
    await shop(t, {
      '/begin': begin,
      '/order': once(async (session) => {
        session['last'] = await session.update(add('orders'))
        return { order: session['last'] }
      }),
      '/': show,
    }),
  )
  await browser.get('/begin')
  for (let attempt = 0; attempt < 3; attempt++) t.deepEqual((await browser.get('/order', 'key')).body, { order: 1 })
  t.deepEqual((await browser.get('/')).body, { user: 'u', orders: 1, last: 1 })
})

test('the same name twice, a name that is none, and fields saved twice are refused in words', async (t) => {
  const handlers: Record<string, (session: KoaSession) => Promise<unknown>> = {
    '/twice': async (session) => [await session.update('pay', add('n')), await session.update('pay', add('n'))],
    '/at-once': async (session) =>
      await Promise.all([session.update('pay', add('n')), session.update('pay', add('n'))]),
    '/nameless': async (session) => await session.update('', add('n')),
    '/saved-twice': async (session) => {
      session['n'] = 1
      await session.regenerate()
      session['n'] = 2
    },
  }
  const routes = Object.fromEntries(Object.entries(handlers).map(([path, handler]) => [path, once(handler)]))
  const browser = client(await shop(t, { '/begin': begin, ...routes, '/': show }))
  for (const [path, words, n] of [
    ['/twice', /two updates named 'pay'/, 1],
    ['/at-once', /two updates named 'pay'/, 1],
    ['/nameless', /1 to 64 visible ASCII characters/, undefined],
    ['/saved-twice', /saves fields twice/, 1],
  ] as const) {
    browser.cookie = undefined
    await browser.get('/begin')
    const refused = await browser.get(path, 'key')
    t.is(refused.status, 500, path)
    t.regex(String(refused.body), words)
    t.like((await browser.get('/')).body, { user: 'u', ...(n === undefined ? {} : { n }) }, path)
  }
})

test('a request with no key on a route without the middleware needs no names', async (t) => {
  const browser = client(await shop(t, { '/': twice }))
  t.deepEqual((await browser.get('/')).body, [1, 2])
})
