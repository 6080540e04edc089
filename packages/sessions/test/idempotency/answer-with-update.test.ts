/** An update that gives the request's answer: both are stored in one write. */
import test, { type ExecutionContext } from 'ava'
import type Koa from 'koa'
import { idempotency } from '../../src/koa/idempotency.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { client, type Handler, shop } from '../support/shop.ts'

type Fields = Record<string, unknown>

const addOrder = (draft: Fields): number => (draft['orders'] = Number(draft['orders'] ?? 0) + 1)

const order = async ({ session }: Koa.Context): Promise<void> => {
  await session?.update('order', addOrder, {
    answer: (fields, { result, version }) => ({ orders: fields['orders'], result, version }),
  })
}

const begin: Handler = (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u' })

/** A shop whose handlers set `ctx.body` themselves, and how often they ran and the store was written. */
async function begun(t: ExecutionContext, handler: (ctx: Koa.Context) => Promise<void>) {
  const counts = { writes: 0, runs: 0 }
  const inner = memoryStore()
  const store: typeof inner = {
    ...inner,
    async write(key, change) {
      if (!key.startsWith('~')) counts.writes++
      return await inner.write(key, change)
    },
  }
  const middleware = idempotency()
  const handled: Handler = async (ctx) => {
    await middleware(ctx, async () => {
      counts.runs++
      await handler(ctx)
    })
    return ctx.body
  }
  const browser = client(await shop(t, { '/begin': begin, '/order': handled, '/': (ctx) => ctx.session }, { store }))
  await browser.get('/begin')
  Object.assign(counts, { writes: 0, runs: 0 })
  return { browser, counts }
}

for (const [whose, key] of [
  ['a client', 'key'],
  ['a balancer', 'balancer-120s-1'],
] as const)
  test(`with a key of ${whose} it is one write, and a repeat is answered alike`, async (t) => {
    const { browser, counts } = await begun(t, order)
    const answer = { orders: 1, result: 1, version: 2 }
    for (let attempt = 0; attempt < 3; attempt++) t.deepEqual((await browser.get('/order', key)).body, answer)
    t.is(counts.writes, 1)
    t.is(counts.runs, whose === 'a client' ? 1 : 3)
    t.like(await browser.get('/order'), { body: { orders: 2, result: 2, version: 3 } })
  })

test('what the handler adds to the answer afterwards is stored too, in a second write', async (t) => {
  const { browser, counts } = await begun(t, async (ctx) => {
    await order(ctx)
    ctx.set('X-Order', '17')
    ctx.status = 201
  })
  for (const writes of [2, 2]) {
    const { status, body, headers } = await browser.get('/order', 'key')
    t.deepEqual([status, headers.get('x-order'), body], [201, '17', { orders: 1, result: 1, version: 2 }])
    t.is(counts.writes, writes)
  }
  t.is(counts.runs, 1)
})

test('the session is not changed after that, with a key and without', async (t) => {
  const later: Record<string, (ctx: Koa.Context) => unknown> = {
    update: (ctx) => ctx.session?.update('more', addOrder),
    field: (ctx) => Object.assign(ctx.session ?? {}, { field: 1 }),
  }
  for (const change of Object.values(later)) {
    const { browser } = await begun(t, async (ctx) => {
      await order(ctx)
      await change(ctx)
    })
    for (const key of [undefined, 'key']) {
      const { status, body } = await browser.get('/order', key)
      t.is(status, 500)
      t.regex(String(body), /after an update that gave the answer/)
    }
    t.deepEqual((await browser.get('/')).body, { user: 'u', orders: 2 })
  }
})

test('an answer that is too large to keep is given', async (t) => {
  const long = 'x'.repeat(5_000)
  const { browser, counts } = await begun(t, async ({ session }) => {
    await session?.update('order', (draft) => void addOrder(draft), { answer: (fields) => [fields['orders'], long] })
  })
  for (const runs of [1, 2]) {
    t.deepEqual((await browser.get('/order', 'key')).body, [1, long])
    t.deepEqual(counts, { writes: 1, runs })
  }
})

test('what is no function for an answer is refused in words', async (t) => {
  const { browser } = await begun(t, async ({ session }) => {
    await session?.update('order', addOrder, { answer: 'done' } as never)
  })
  const { status, body } = await browser.get('/order')
  t.is(status, 500)
  t.regex(String(body), /session\.update\(\).*answer/)
})
