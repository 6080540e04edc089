/** What users see of a Memcached that fails, through Koa: an outage never logs anyone out. */
import test from 'ava'
import { openStore } from '../../../src/stores/open-store.ts'
import { memcachedMissing, memcachedOf, memcachedServer } from '../../support/memcached/server.ts'
import { client, type Handler, shop } from '../../support/shop.ts'
import { until } from '../../support/until.ts'

const onMemcached = memcachedMissing === undefined ? test : test.skip
if (memcachedMissing !== undefined) test.skip(`memcached: ${memcachedMissing}`, () => {})

const USERS = 24
const logins = Array.from({ length: USERS }, (_, n): [string, Handler] => [
  `/login/${n}`,
  (ctx) => void Object.assign(ctx.session ?? {}, { user: `u${n}` }),
])
const routes: Readonly<Record<string, Handler>> = {
  ...Object.fromEntries(logins),
  '/count': (ctx) => ctx.session?.update((draft) => (draft['n'] = Number(draft['n'] ?? 0) + 1)),
  '/logout': (ctx) => {
    ctx.session = null
  },
  '/': (ctx) => ({ user: ctx.session?.['user'] ?? null }),
}

onMemcached('a pause is 503 for every request, with the cookie left alone, and then all are logged in', async (t) => {
  const server = await memcachedOf(t)
  const store = await openStore(`${server.url}?timeoutMs=1000`)
  t.teardown(() => store.close())
  await store.open()
  const browser = client(await shop(t, routes, { store, guard: { pauseMaxMs: 200 } }))
  await browser.get('/login/1')
  await browser.get('/count')
  const { cookie } = browser
  server.process.kill('SIGSTOP')
  // Its threads stop one after the other.
  await until('it to hang', async () => (await browser.get('/')).status === 503)
  for (const path of ['/', '/count', '/logout', '/login/2']) {
    const refused = await browser.get(path)
    t.is(refused.status, 503, path)
    t.deepEqual(refused.setCookie, [], path)
  }
  server.process.kill('SIGCONT')
  await until('an answer', async () => (await browser.get('/')).status === 200)
  t.is(browser.cookie, cookie)
  t.deepEqual((await browser.get('/')).body, { user: 'u1' })
})

onMemcached(
  'a death is 503 while it lasts; the server that comes back is empty, and only then are users logged out',
  async (t) => {
    const server = await memcachedServer()
    const events: string[] = []
    const store = await openStore(server.url, { onEvent: ({ event }) => void events.push(event) })
    t.teardown(() => store.close())
    await store.open()
    const browser = client(await shop(t, routes, { store, guard: { failuresMax: 2, pauseMaxMs: 200 } }))
    await browser.get('/login/1')
    const { cookie } = browser
    await server.stop()
    for (let request = 0; request < 5; request++) {
      const refused = await browser.get('/')
      t.is(refused.status, 503)
      t.deepEqual(refused.setCookie, [])
    }
    t.is(browser.cookie, cookie)
    const revived = await memcachedServer({ port: server.port })
    t.teardown(() => revived.stop())
    await until('an answer', async () => (await browser.get('/')).status === 200)
    t.deepEqual((await browser.get('/')).body, { user: null })
    await until('the loss to be noticed', () => events.includes('sessions-forgotten'))
  },
)

onMemcached(
  'while one of three servers hangs, some users get 503 and the others go on, and none is logged out',
  async (t) => {
    const servers = await Promise.all([memcachedOf(t), memcachedOf(t), memcachedOf(t)])
    const location = `memcached://${servers.map(({ port }) => `127.0.0.1:${port}`).join()}?timeoutMs=1000`
    const store = await openStore(location)
    t.teardown(() => store.close())
    await store.open()
    const origin = await shop(t, routes, { store })
    const browsers = await Promise.all(
      Array.from({ length: USERS }, async (_, n) => {
        const browser = client(origin)
        await browser.get(`/login/${n}`)
        return browser
      }),
    )
    servers[0]?.process.kill('SIGSTOP')
    const all = () => Promise.all(browsers.map((browser) => browser.get('/')))
    await until('it to hang', async () => (await all()).some(({ status }) => status === 503))
    const during = await all()
    for (const [n, { status, body, setCookie }] of during.entries()) {
      t.true(status === 503 || status === 200)
      if (status === 200) t.deepEqual(body, { user: `u${n}` })
      t.deepEqual(setCookie, [])
    }
    t.true(during.some(({ status }) => status === 503) && during.some(({ status }) => status === 200))
    servers[0]?.process.kill('SIGCONT')
    await until('all to be served', async () => {
      const after = await all()
      return after.every(({ status, body }, n) => status === 200 && (body as { user: string }).user === `u${n}`)
    })
    t.pass()
  },
)
