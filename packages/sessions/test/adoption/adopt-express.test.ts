/** Sessions that express-session keeps by connect-redis go on in its new store; the cookie and its id stay. */
import test, { type ExecutionContext } from 'ava'
import session from 'express-session'
import type { OldSessions } from '../../src/adoption/old-sessions.ts'
import { expressStore, type MiddlewareStoreOptions } from '../../src/express/express.ts'
import type { SessionStore } from '../../src/contract.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { idOf, jar } from '../support/adoption/jar.ts'
import { opened, PATIENCE_MS } from '../support/adoption/new-app.ts'
import { connectRedis, expressApp } from '../support/adoption/old-apps.ts'
import { likeFastify } from '../support/middleware.ts'
import { openRedis } from '../support/redis/sessions.ts'
import { until } from '../support/until.ts'
import { redisMissing, redisServer } from '../support/redis/server.ts'

const DAY_MS = 86_400_000

const anew = async (
  t: ExecutionContext,
  store: SessionStore,
  adopt: OldSessions,
  options: Partial<MiddlewareStoreOptions> = {},
): Promise<string> =>
  await expressApp(t, {
    store: expressStore({ store, Store: session.Store, adopt, guard: { callTimeoutMs: PATIENCE_MS }, ...options }),
  })

if (redisMissing === undefined) {
  const server = redisServer()
  test.after.always(async () => (await server).stop())

  const loggedIn = async (t: ExecutionContext, cookie: session.CookieOptions = {}) => {
    const { url } = await server
    const oldOrigin = await expressApp(t, { store: await connectRedis(t, url), cookie })
    const browser = jar()
    await browser.get(`${oldOrigin}/login`)
    return { oldOrigin, browser, record: `sess:${idOf(browser)}` }
  }

  for (const cookie of [{}, { maxAge: DAY_MS }]) {
    test(`a user who is logged in stays so under the same cookie: ${JSON.stringify(cookie)}`, async (t) => {
      const { url, ask } = await server
      const { browser, record } = await loggedIn(t, cookie)
      t.is(await ask('EXISTS', record), '1')
      const before = browser.cookies.get('connect.sid')
      const adopt = await opened(t, url, { secrets: undefined })
      let reads = 0
      const counted = { ...adopt, read: async (id: string) => (reads++, await adopt.read(id)) }
      const origin = await anew(t, memoryStore(), counted)
      t.deepEqual((await browser.get(origin)).body, { user: 'ada', cart: ['tea'] })
      t.deepEqual((await browser.get(origin)).body, { user: 'ada', cart: ['tea'] })
      t.is(browser.cookies.get('connect.sid'), before)
      t.is(await ask('EXISTS', record), '0')
      t.is(reads, 1, 'a session of ours asks the old store no more')
    })
  }

  test('two nodes that adopt at once have one session', async (t) => {
    const { url } = await server
    const { browser } = await loggedIn(t)
    const adopt = await opened(t, url, { secrets: undefined })
    const events: string[] = []
    const options = { onEvent: ({ event }: { event: string }) => events.push(event) }
    const origins = [
      await anew(t, await openRedis(t, { url, timeoutMs: PATIENCE_MS, prefix: 'both:' }), adopt, options),
      await anew(t, await openRedis(t, { url, timeoutMs: PATIENCE_MS, prefix: 'both:' }), adopt, options),
    ]
    const answers = await Promise.all(Array.from({ length: 8 }, (_, at) => browser.copy().get(`${origins[at % 2]}/`)))
    for (const { body } of answers) t.deepEqual(body, { user: 'ada', cart: ['tea'] })
    t.is(events.filter((event) => event === 'adopted').length, 1)
  })

  test('a logout is final, whether or not the session was adopted before, and if an old node writes it once more', async (t) => {
    const { url, ask } = await server
    const adopt = await opened(t, url, { secrets: undefined, keepRecords: true })
    const origin = await anew(t, memoryStore(), adopt, { requestTimeMaxMs: 1 })
    for (const adopted of [true, false]) {
      const { browser, record, oldOrigin } = await loggedIn(t)
      const text = await ask('GET', record)
      if (adopted) t.like((await browser.get(origin)).body, { user: 'ada' })
      t.like((await browser.get(oldOrigin)).body, { user: 'ada' })
      await browser.get(`${origin}/logout`)
      t.is(await ask('EXISTS', record), '0')
      await ask('SET', record, text)
      t.is((await browser.copy().get(origin)).body['user'], undefined)
    }
  })

  test('an outage of the old store is an error and no logout', async (t) => {
    const own = await redisServer()
    const oldOrigin = await expressApp(t, { store: await connectRedis(t, own.url) })
    const browser = jar()
    await browser.get(`${oldOrigin}/login`)
    const record = `sess:${idOf(browser)}`
    const text = await own.ask('GET', record)
    const origin = await anew(t, memoryStore(), await opened(t, own.url, { secrets: undefined }))
    await own.stop()
    t.is((await browser.get(origin)).status, 503)
    const again = await redisServer({ port: own.port })
    t.teardown(() => again.stop())
    await again.ask('SET', record, text)
    await until('the old store to answer', async () => (await browser.get(origin)).status === 200, 60_000)
    t.is((await browser.get(origin)).body['user'], 'ada')
  })

  test('Fastify: a session that its middleware wrote by connect-redis goes on', async (t) => {
    const { url, ask } = await server
    const fields = {
      cookie: { originalMaxAge: DAY_MS, expires: new Date(Date.now() + DAY_MS), path: '/' },
      user: 'ada',
    }
    await ask('SET', 'sess:an-id-of-fastify-0001', JSON.stringify(fields))
    const adopt = await opened(t, url, { secrets: undefined })
    const app = likeFastify({ store: memoryStore(), adopt, requestTimeMaxMs: 1 })
    t.like(await app.find('an-id-of-fastify-0001'), { user: 'ada', cookie: { originalMaxAge: DAY_MS } })
    t.is(await ask('EXISTS', 'sess:an-id-of-fastify-0001'), '0')
    await app.visit('an-id-of-fastify-0001', ({ destroy }) => destroy())
    await ask('SET', 'sess:an-id-of-fastify-0001', JSON.stringify(fields))
    t.falsy(await app.find('an-id-of-fastify-0001'))
  })
} else {
  test.skip(`adoption by Express and Fastify: ${redisMissing}`, () => {})
}
