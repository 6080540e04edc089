/** What the cookie says while things go wrong: it is cleared by a logout, and by nothing else. */
import test from 'ava'
import type { SessionStore } from '../../src/contract.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { client, type Handler, shop } from '../support/shop.ts'

const routes: Readonly<Record<string, Handler>> = {
  '/begin': (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u' }),
  '/regenerate': async (ctx) => {
    await ctx.session?.regenerate()
  },
  '/regenerate-too-large': async (ctx) => {
    Object.assign(ctx.session ?? {}, { large: 'x'.repeat(300_000) })
    await ctx.session?.regenerate()
  },
  '/logout': (ctx) => {
    ctx.session = null
  },
  '/taken': (ctx) => ctx.session?.update((draft) => (draft['toJSON'] = 1)),
  '/meanwhile': async (ctx) => {
    const session = ctx.session as unknown as Record<string, unknown>
    await Promise.all([
      ctx.session?.update((draft) => (draft['count'] = 1)),
      Promise.resolve().then(() => (session['thing'] = true)),
    ])
  },
  '/look': (ctx) => ctx.session?.update((draft) => draft['count'] ?? 0),
  '/': (ctx) => ctx.session,
}

test('a rotation that fails leaves the client its cookie, and the session as it was', async (t) => {
  const inner = memoryStore()
  let down = false
  const store: SessionStore = {
    ...inner,
    write: (key, write) => (down ? Promise.reject(new StoreUnavailableError('memory')) : inner.write(key, write)),
  }
  const browser = client(await shop(t, routes, { store }))
  await browser.get('/begin')
  const { cookie } = browser
  const large = await browser.get('/regenerate-too-large')
  t.deepEqual([large.status, large.setCookie], [413, []])
  down = true
  const refused = await browser.get('/regenerate')
  t.deepEqual([refused.status, refused.setCookie], [503, []])
  down = false
  t.is(browser.cookie, cookie)
  t.deepEqual((await browser.get('/')).body, { user: 'u' })
  await browser.get('/regenerate')
  t.not(browser.cookie, cookie)
  await browser.get('/logout')
  t.is(browser.cookie, undefined)
})

test('a field that would break koa-session is refused, and the session is as it was', async (t) => {
  const browser = client(await shop(t, routes))
  await browser.get('/begin')
  t.is((await browser.get('/taken')).status, 500)
  t.deepEqual((await browser.get('/')).body, { user: 'u' })
})

test('what a handler sets while it waits for an update is kept', async (t) => {
  const browser = client(await shop(t, routes))
  await browser.get('/begin')
  await browser.get('/meanwhile')
  t.deepEqual((await browser.get('/')).body, { user: 'u', count: 1, thing: true })
})

test('an update that changes nothing begins no session', async (t) => {
  const store = memoryStore()
  const browser = client(await shop(t, routes, { store }))
  t.is((await browser.get('/look')).body, 0)
  t.is(browser.cookie, undefined)
  t.is(store.localSessionCount?.(), 0)
})
