/** What a handler does while the store is at work on an earlier change of the same request, without an adapter and on Koa. */
import test from 'ava'
import type { SessionStore } from '../../src/contract.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { createSessions, type WebSession } from '../../src/web/index.ts'
import { client, KEY, shop } from '../support/shop.ts'

interface Fields {
  user: string
  count: number
  cart: string[]
  seen: { at: Date | string }
}

/** A store that runs `during` once, while a write is on its way. */
function interrupted(): { store: SessionStore; during: (run: () => void) => void } {
  const inner = memoryStore()
  let interrupt: (() => void) | undefined
  const store: SessionStore = {
    ...inner,
    async write(key, write) {
      const run = interrupt
      interrupt = undefined
      const written = await inner.write(key, write)
      run?.()
      return written
    },
  }
  return { store, during: (run) => (interrupt = run) }
}

async function begun() {
  const { store, during } = interrupted()
  const sessions = createSessions<Fields>({ store, keys: [KEY], secure: false })
  const load = (cookie = '') => sessions.load({ headers: { cookie } })
  const first = await load()
  first.data.cart = ['a']
  first.data.count = 0
  const [header = ''] = await first.commit()
  const cookie = header.split(';', 1)[0] ?? ''
  return { load, during, cookie, session: await load(cookie) }
}

const count = (draft: { count?: number | undefined }): number => (draft.count = (draft.count ?? 0) + 1)

test('a change inside a field while an update is on its way is written by the commit', async (t) => {
  const { load, during, cookie, session } = await begun()
  during(() => session.data.cart?.push('b'))
  await session.update(count)
  t.deepEqual(session.data, { cart: ['a', 'b'], count: 1 })
  await session.commit()
  t.deepEqual((await load(cookie)).data, { cart: ['a', 'b'], count: 1 })
})

test('an object that was read before an update or a commit is the session’s afterwards, if neither changed it', async (t) => {
  const { load, cookie, session } = await begun()
  const { cart } = session.data
  await session.update(count)
  cart?.push('b')
  await session.commit()
  cart?.push('c')
  await session.commit()
  t.deepEqual((await load(cookie)).data, { cart: ['a', 'b', 'c'], count: 1 })
})

test('what an update makes of a field is what the handler reads, also a text in place of its Date', async (t) => {
  const { session } = await begun()
  const at = new Date(0)
  session.data.seen = { at }
  await session.update(({ cart }) => cart?.push('b'))
  t.deepEqual(session.data, { cart: ['a', 'b'], count: 0, seen: { at } })
  await session.update((draft) => (draft.seen = { at: at.toISOString() }))
  t.is(session.data.seen?.at, at.toISOString())
})

test('a login while an update is on its way gives another id', async (t) => {
  const { load, during, cookie, session } = await begun()
  const logins: Promise<void>[] = []
  const login = (which: WebSession<Fields>) => () => void logins.push(which.login({ count: 7 }))
  during(login(session))
  await session.update(count)
  await Promise.all(logins)
  const [header] = await session.commit()
  t.truthy(header)
  t.false(header?.startsWith(`${cookie};`))
  t.deepEqual((await load(header?.split(';', 1)[0])).data, { cart: ['a'], count: 7 })
})

test('on Koa, a change inside a field beside an update or after it is written', async (t) => {
  const { store, during } = interrupted()
  const url = await shop(
    t,
    {
      '/begin': (ctx) => void (ctx.session = { cart: ['a'], count: 0 }),
      '/': (ctx) => ctx.session,
      async '/change'({ session }) {
        const cart = session?.['cart'] as string[]
        during(() => cart.push('b'))
        await session?.update(count)
        await session?.update(count)
        cart.push('c')
      },
    },
    { store },
  )
  const browser = client(url)
  await browser.get('/begin')
  await browser.get('/change')
  t.deepEqual((await browser.get('/')).body, { cart: ['a', 'b', 'c'], count: 2 })
})

test('on Koa, regenerate() and maxAge while an update is on its way are carried out', async (t) => {
  const { store, during } = interrupted()
  const url = await shop(
    t,
    {
      '/begin': (ctx) => void (ctx.session = { count: 0 }),
      '/': (ctx) => ({ count: ctx.session?.['count'] as number, maxAge: ctx.session?.maxAge }),
      async '/change'({ session }) {
        let regenerated: unknown
        during(() => {
          if (session) session.maxAge = 60_000
          regenerated = session?.regenerate()
        })
        await session?.update(count)
        await regenerated
      },
    },
    { store },
  )
  const browser = client(url)
  await browser.get('/begin')
  const { cookie } = browser
  await browser.get('/change')
  t.not(browser.cookie, cookie)
  t.deepEqual((await browser.get('/')).body, { count: 1, maxAge: 60_000 })
})
