import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { SessionStore } from '../../../src/contract.ts'
import { StoreUnavailableError } from '../../../src/errors.ts'
import { guardedStore } from '../../../src/stores/guard/guarded-store.ts'
import { newSessionId, sessionKey } from '../../../src/secrets/id.ts'
import type { OutagePolicy } from '../../../src/koa/koa.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import { client, type Handler, shop } from '../../support/shop.ts'
import { randomBytes } from 'node:crypto'

/** A store whose verbs fail, or hang, while it is told to. */
function troubled() {
  const inner = memoryStore()
  const trouble = { mode: 'none' as 'none' | 'down' | 'hangs', calls: 0 }
  const verb = <T>(call: () => Promise<T>): Promise<T> => {
    trouble.calls++
    if (trouble.mode === 'down') return Promise.reject(new StoreUnavailableError('troubled'))
    return trouble.mode === 'hangs' ? new Promise<T>(() => {}) : call()
  }
  const store: SessionStore = {
    ...inner,
    read: (key) => verb(() => inner.read(key)),
    write: (key, write) => verb(() => inner.write(key, write)),
    touch: (key, expiresAtMs) => verb(() => inner.touch(key, expiresAtMs)),
    destroy: (key, destroy) => verb(() => inner.destroy(key, destroy)),
  }
  return { store, trouble }
}

const routes: Record<string, Handler> = {
  '/login': (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u' }),
  '/change': (ctx) => void Object.assign(ctx.session ?? {}, { changed: true }),
  '/update': (ctx) => ctx.session?.update((draft) => (draft['n'] = 1)),
  '/logout': (ctx) => {
    ctx.session = null
  },
  '/leave': (ctx) => {
    ctx.session = null
    ctx.session = {}
  },
  '/empty': (ctx) => {
    ctx.session = {}
  },
  '/same': (ctx) => {
    const { session } = ctx
    ctx.session = session
  },
  '/': (ctx) => ({ fields: ctx.session, outage: ctx.sessionOutage }),
}

const anonymousAtHome = (ctx: { path: string }): OutagePolicy => (ctx.path === '/' ? 'anonymous' : 'closed')

const guard = { failuresMax: 1_000 }

for (const [outage, expected] of [
  ['closed', { status: 503, body: undefined }],
  ['anonymous', { status: 200, body: { fields: {}, outage: true } }],
  ['read-only', { status: 200, body: { fields: { user: 'u' }, outage: true } }],
] as const) {
  test(`outage: ${outage}: what is read, what is refused, and the cookie that stays`, async (t) => {
    const { store, trouble } = troubled()
    const browser = client(await shop(t, routes, { store, outage, guard }))
    await browser.get('/login')
    await browser.get('/')
    const { cookie } = browser
    trouble.mode = 'down'
    const read = await browser.get('/')
    t.is(read.status, expected.status)
    if (expected.body !== undefined) t.deepEqual(read.body, expected.body)
    for (const path of ['/change', '/update', '/logout', '/leave', '/empty']) {
      const refused = await browser.get(path)
      t.is(refused.status, 503, path)
      t.is(refused.headers.get('retry-after'), '1')
      t.deepEqual(refused.setCookie, [], path)
    }
    t.is((await browser.get('/same')).status, outage === 'closed' ? 503 : 204)
    t.is(browser.cookie, cookie)
    trouble.mode = 'none'
    t.deepEqual((await browser.get('/')).body, { fields: { user: 'u' }, outage: false })
  })
}

test('the policy can be chosen by route', async (t) => {
  const { store, trouble } = troubled()
  const browser = client(await shop(t, routes, { store, outage: anonymousAtHome, guard }))
  await browser.get('/login')
  trouble.mode = 'down'
  t.is((await browser.get('/')).status, 200)
  t.is((await browser.get('/nowhere')).status, 503)
})

test('a session that ended here is not shown from memory when the store goes down after it', async (t) => {
  const { store, trouble } = troubled()
  const origin = await shop(t, routes, { store, outage: 'read-only', guard })
  const browser = client(origin)
  await browser.get('/login')
  await browser.get('/')
  const tab = client(origin, browser.cookie)
  await browser.get('/logout')
  trouble.mode = 'down'
  t.deepEqual((await tab.get('/')).body, { fields: {}, outage: true })
})

test('a session that is looked at while it ends here is not shown from memory either', async (t) => {
  const { store, trouble } = troubled()
  const ending = Promise.withResolvers<void>()
  const looked = Promise.withResolvers<void>()
  const slow: SessionStore = {
    ...store,
    async destroy(key, destroy) {
      ending.resolve()
      await looked.promise
      await store.destroy(key, destroy)
    },
  }
  const origin = await shop(t, routes, { store: slow, outage: 'read-only', guard })
  const browser = client(origin)
  await browser.get('/login')
  const tab = client(origin, browser.cookie)
  const logout = browser.get('/logout')
  await ending.promise
  t.deepEqual((await tab.get('/')).body, { fields: { user: 'u' }, outage: false })
  looked.resolve()
  await logout
  trouble.mode = 'down'
  t.deepEqual((await tab.get('/')).body, { fields: {}, outage: true })
})

test('calls to a store that hangs time out, then none is sent, and then one at a time probes it', async (t) => {
  const { store, trouble } = troubled()
  const guarded = guardedStore(store, {
    callTimeoutMs: 100,
    failuresMax: 3,
    pauseMinMs: 2_500,
    pauseMaxMs: 2_500,
  })
  const key = sessionKey(newSessionId(randomBytes).handle)
  trouble.mode = 'hangs'
  const three = Array.from({ length: 3 }, () => t.throwsAsync(guarded.read(key), { instanceOf: StoreUnavailableError }))
  await Promise.all(three)
  t.is(trouble.calls, 3)
  await t.throwsAsync(guarded.read(key), { instanceOf: StoreUnavailableError })
  t.is(trouble.calls, 3)

  trouble.mode = 'none'
  await sleep(2_550)
  const herd = await Promise.allSettled(Array.from({ length: 50 }, () => guarded.read(key)))
  t.is(herd.filter(({ status }) => status === 'fulfilled').length, 1)
  t.is(trouble.calls, 4)
  const after = await Promise.allSettled(Array.from({ length: 50 }, () => guarded.read(key)))
  t.true(after.every(({ status }) => status === 'fulfilled'))
  await guarded.close()
})
