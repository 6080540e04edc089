/** Sessions that express-session and koa-session keep in Redis go on as sessions of ours, through HTTP. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import type { SessionStore } from '../../src/contract.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { idOf, jar, type Jar } from '../support/adoption/jar.ts'
import { LATER, newApp, opened, PATIENCE_MS, type SomeOptions } from '../support/adoption/new-app.ts'
import {
  connectRedis,
  expressApp,
  koaApp,
  koaRedisStore,
  OLD_SECRET,
  plainKoaStore,
} from '../support/adoption/old-apps.ts'
import { openRedis } from '../support/redis/sessions.ts'
import { redisMissing, redisServer } from '../support/redis/server.ts'
import { KEY } from '../support/shop.ts'
import { until } from '../support/until.ts'

const OTHER_KEY = 'another key of thirty-two letters'
const node = fileURLToPath(new URL('../fixtures/adopting-node.ts', import.meta.url))

interface Old {
  readonly title: string
  /** Its origin. */
  readonly app: (t: ExecutionContext, url: string) => Promise<string>
  readonly options: SomeOptions
  readonly prefix: string
  readonly maxAge: unknown
}

const DAY_MS = 86_400_000

const olds: readonly Old[] = [
  {
    title: 'express-session with connect-redis',
    app: async (t, url) => await expressApp(t, { store: await connectRedis(t, url) }),
    options: {},
    prefix: 'sess:',
    maxAge: 'session',
  },
  {
    title: 'express-session with a maxAge',
    app: async (t, url) => await expressApp(t, { store: await connectRedis(t, url), cookie: { maxAge: DAY_MS } }),
    options: { secrets: ['a newer one', OLD_SECRET] },
    prefix: 'sess:',
    maxAge: DAY_MS,
  },
  {
    title: 'koa-session with koa-redis',
    app: async (t, url) => await koaApp(t, { store: koaRedisStore(t, url), maxAge: DAY_MS }),
    options: { writtenBy: 'koa-session' },
    prefix: '',
    maxAge: DAY_MS,
  },
  {
    title: 'koa-session with a store of a few lines, for as long as the browser is open',
    app: async (t, url) => await koaApp(t, { store: plainKoaStore(t, url), maxAge: 'session' }),
    options: { writtenBy: 'koa-session', prefix: 'shop:', secrets: ['a newer one', OLD_SECRET] },
    prefix: 'shop:',
    maxAge: 'session',
  },
  {
    title: 'koa-session without signatures',
    app: async (t, url) =>
      await koaApp(t, { store: plainKoaStore(t, url), signed: false, prefix: 'web-', key: 'sid.old', maxAge: DAY_MS }),
    options: {
      writtenBy: 'koa-session',
      prefix: 'shop:',
      secrets: undefined,
      signed: false,
      idPrefix: 'web-',
      cookieName: 'sid.old',
    },
    prefix: 'shop:',
    maxAge: DAY_MS,
  },
]

if (redisMissing === undefined) {
  const server = redisServer()
  test.after.always(async () => (await server).stop())

  const oldRecord = async (prefix: string, browser: Jar): Promise<string | undefined> => {
    const { ask } = await server
    const [cookie = ''] = browser.cookies.values()
    const key = prefix + (cookie.startsWith('s%3A') ? idOf(browser) : cookie)
    return (await ask('EXISTS', key)) === '1' ? key : undefined
  }

  const loggedIn = async (t: ExecutionContext): Promise<{ browser: Jar; oldOrigin: string; record: string }> => {
    const { url } = await server
    const oldOrigin = await expressApp(t, { store: await connectRedis(t, url) })
    const browser = jar()
    await browser.get(`${oldOrigin}/login`)
    const record = await oldRecord('sess:', browser)
    t.truthy(record)
    return { browser, oldOrigin, record: record ?? '' }
  }

  for (const { title, app, options, prefix, maxAge } of olds) {
    test(`${title}: a user who is logged in stays so, and the session moves`, async (t) => {
      const { url, ask } = await server
      const oldOrigin = await app(t, url)
      const browser = jar()
      t.like((await browser.get(`${oldOrigin}/login`)).body, { user: 'ada', cart: ['tea'] })
      const record = (await oldRecord(prefix, browser)) ?? ''
      t.not(record, '')

      const { origin, layer } = await newApp(t, { store: memoryStore(), adopt: await opened(t, url, options) })
      const { body } = await browser.get(origin)
      t.like(body, { user: 'ada', cart: ['tea'], maxAge })
      t.deepEqual(Object.keys(body).sort(), ['cart', 'id', 'maxAge', 'user'])
      t.deepEqual([...browser.cookies.keys()], ['sid'], 'the old cookies are taken back')
      t.is(await ask('EXISTS', record), '0')
      t.like(await browser.get(origin), { body: { user: 'ada', id: body['id'] } })
      t.deepEqual(
        (await layer.users.list('ada')).map(({ id }) => id),
        [String(body['id'])],
      )
    })
  }

  test('two nodes and four tabs that adopt at once have one session, also while keys rotate', async (t) => {
    const { url, ask } = await server
    const { browser } = await loggedIn(t)
    const stores = [
      await openRedis(t, { url, timeoutMs: PATIENCE_MS, prefix: 'one:' }),
      await openRedis(t, { url, timeoutMs: PATIENCE_MS, prefix: 'one:' }),
    ]
    const adopt = await opened(t, url)
    const events: string[] = []
    const nodes = await Promise.all(
      stores.map((store, at) =>
        newApp(t, {
          store,
          adopt,
          keys: at === 0 ? [KEY, OTHER_KEY] : [OTHER_KEY, KEY],
          onEvent: ({ event }) => events.push(event),
        }),
      ),
    )
    const tabs = Array.from({ length: 8 }, () => browser.copy())
    const answers = await Promise.all(tabs.map((tab, at) => tab.get(`${nodes[at % 2]?.origin}/add`)))
    t.deepEqual(
      answers.map(({ status }) => status),
      Array<number>(8).fill(200),
    )
    t.is(events.filter((event) => event === 'adopted').length, 1)
    const seen = await Promise.all(tabs.map((tab, at) => tab.get(`${nodes[(at + 1) % 2]?.origin}/`)))
    t.is(new Set(seen.map(({ body }) => body['id'])).size, 1)
    t.like(seen[0]?.body, { user: 'ada', cart: ['tea'], count: 8 })
    const sessions = (await ask('KEYS', 'one:*')).split(',').filter((key) => !key.startsWith('one:~'))
    t.is(sessions.length, 1)
  })

  test('a logout is final, also where an old node writes the old record once more', async (t) => {
    const { url, ask } = await server
    const { browser, record } = await loggedIn(t)
    const text = await ask('GET', record)
    const before = browser.copy()
    const { origin } = await newApp(t, { store: memoryStore(), adopt: await opened(t, url), requestTimeMaxMs: 1 })
    t.like(await browser.get(origin), { body: { user: 'ada' } })
    t.like(await before.copy().get(origin), { body: { user: 'ada' } }, 'until then the old cookie is the same session')
    await browser.get(`${origin}/logout`)
    t.is(browser.cookies.size, 0)
    await ask('SET', record, text)
    t.is((await before.copy().get(origin)).body['user'], undefined)
    t.is((await before.copy().get(origin)).body['user'], undefined)
  })

  test('a logout ends an old session that was never adopted, since a visitor had begun another', async (t) => {
    const { url, ask } = await server
    const { browser, record, oldOrigin } = await loggedIn(t)
    const store = memoryStore()
    const { origin } = await newApp(t, { store, adopt: await opened(t, url), requestTimeMaxMs: 1 })
    const visitor = jar()
    await visitor.get(`${origin}/add`)
    for (const [name, value] of browser.cookies) visitor.cookies.set(name, value)
    t.is((await visitor.get(origin)).body['user'], undefined)
    await visitor.get(`${origin}/anew`)
    t.deepEqual([...visitor.cookies.keys()], ['sid'])
    t.is(await ask('EXISTS', record), '0')
    t.is((await browser.get(oldOrigin)).body['user'], undefined)
  })

  test('a request that is about to adopt a session while the user logs out brings nothing back', async (t) => {
    const { url } = await server
    const { browser } = await loggedIn(t)
    const adopt = await opened(t, url)
    const [isRead, mayGoOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const slow = {
      ...adopt,
      async read(id: string) {
        const found = await adopt.read(id)
        isRead.resolve()
        await mayGoOn.promise
        return found
      },
    }
    const store = memoryStore()
    const [{ origin: slowOrigin }, { origin }] = [
      await newApp(t, { store, adopt: slow }),
      await newApp(t, { store, adopt }),
    ]
    const late = browser.copy()
    const answer = late.get(slowOrigin)
    await isRead.promise
    const visitor = jar()
    await visitor.get(`${origin}/add`)
    for (const [name, value] of browser.cookies) visitor.cookies.set(name, value)
    await visitor.get(`${origin}/logout`)
    mayGoOn.resolve()
    t.is((await answer).body['user'], undefined)
    t.is((await browser.get(origin)).body['user'], undefined)
  })

  test('with keepRecords old nodes go on, and a logout ends both', async (t) => {
    const { url, ask } = await server
    const { browser, record, oldOrigin } = await loggedIn(t)
    const adopt = await opened(t, url, { keepRecords: true })
    const { origin } = await newApp(t, { store: memoryStore(), adopt, requestTimeMaxMs: 1 })
    t.like(await browser.get(origin), { body: { user: 'ada' } })
    t.like(await browser.get(oldOrigin), { body: { user: 'ada' } })
    t.like(await browser.get(origin), { body: { user: 'ada' } })
    const before = browser.copy()
    before.cookies.delete('sid')
    await browser.get(`${origin}/logout`)
    t.is(browser.cookies.size, 0)
    t.is(await ask('EXISTS', record), '0')
    t.is((await before.copy().get(origin)).body['user'], undefined)
    t.is((await before.copy().get(oldOrigin)).body['user'], undefined)
  })

  test('ending all sessions of a user ends those that were not adopted yet', async (t) => {
    const { url, ask } = await server
    const { browser, record } = await loggedIn(t)
    let nowMs = Date.now()
    const store = memoryStore({ clock: { now: () => nowMs } })
    const inAMonth = new Date(nowMs + 30 * DAY_MS)
    const options = { store, adopt: await opened(t, url, { until: inAMonth }), clock: { now: () => nowMs } }
    const { origin, layer } = await newApp(t, options)
    await layer.users.endAll('ada')
    // A day later the sessions of that time are over, but for old ones.
    nowMs += 2 * DAY_MS
    t.is((await browser.get(origin)).body['user'], undefined)
    t.is(await ask('EXISTS', record), '0')
  })

  test('once the time of adoption is over the old cookie means nothing', async (t) => {
    const { url, ask } = await server
    const { browser, record } = await loggedIn(t)
    const adopt = await opened(t, url, { until: new Date(Date.now() - 1) })
    const { origin } = await newApp(t, { store: memoryStore(), adopt })
    t.is((await browser.get(origin)).body['user'], undefined)
    t.is(await ask('EXISTS', record), '1')
    t.true(browser.cookies.has('connect.sid'))
  })

  test('an outage of the old store is an outage and no logout', async (t) => {
    const own = await redisServer()
    const oldOrigin = await expressApp(t, { store: await connectRedis(t, own.url) })
    const adopt = await opened(t, own.url)
    const { origin } = await newApp(t, { store: memoryStore(), adopt })
    const { origin: lenient } = await newApp(t, { store: memoryStore(), adopt, outage: 'anonymous' })
    const adopted = jar()
    await adopted.get(`${oldOrigin}/login`)
    t.is((await adopted.get(origin)).body['user'], 'ada')
    const browser = jar()
    await browser.get(`${oldOrigin}/login`)
    const record = `sess:${idOf(browser)}`
    const text = await own.ask('GET', record)
    await own.stop()

    t.is((await browser.get(origin)).status, 503)
    t.is((await browser.get(`${origin}/logout`)).status, 503)
    const anonymous = await browser.get(lenient)
    t.deepEqual([anonymous.status, anonymous.body['user']], [200, undefined])
    t.is((await browser.get(`${lenient}/add`)).status, 503)
    t.true(browser.cookies.has('connect.sid'), 'no cookie is taken back')
    t.is((await adopted.get(origin)).body['user'], 'ada', 'an adopted session needs the old store no more')
    t.is((await jar().get(origin)).status, 200)

    const again = await redisServer({ port: own.port })
    t.teardown(() => again.stop())
    await again.ask('SET', record, text)
    await until('the old store to answer', async () => (await browser.get(origin)).status === 200, 60_000)
    t.is((await browser.get(origin)).body['user'], 'ada')
  })

  for (const step of ['1', '2', 'end', '3']) {
    test(`a node that dies past step ${step} of the adoption loses and doubles nothing`, async (t) => {
      const { url, ask } = await server
      const { browser, record } = await loggedIn(t)
      const text = await ask('GET', record)
      const prefix = `crash${step}:`
      const child = fork(node, [
        `${url}?timeoutMs=${PATIENCE_MS}&prefix=${prefix}`,
        `${url}?timeoutMs=${PATIENCE_MS}`,
        step,
      ])
      t.teardown(() => child.kill('SIGKILL'))
      const [port] = (await once(child, 'message')) as [number]
      const exited = once(child, 'exit')
      await t.throwsAsync(browser.copy().get(`http://127.0.0.1:${port}/`))
      t.deepEqual(await exited, [null, 'SIGKILL'])

      const store = await openRedis(t, { url, timeoutMs: PATIENCE_MS, prefix })
      const { origin } = await newApp(t, { store, adopt: await opened(t, url), requestTimeMaxMs: 1 })
      const before = browser.copy()
      t.like((await browser.get(origin)).body, { user: 'ada', cart: ['tea'] })
      t.is(await ask('EXISTS', record), '0')
      await browser.get(`${origin}/logout`)
      await ask('SET', record, text)
      t.is((await before.get(origin)).body['user'], undefined)
    })
  }

  const cookieOf = async (t: ExecutionContext, secret: string | undefined, id?: string): Promise<string> => {
    const { url } = await server
    const oldOrigin = await expressApp(t, {
      store: await connectRedis(t, url),
      ...(secret !== undefined && { secret }),
      ...(id !== undefined && { genid: () => id }),
    })
    const browser = jar()
    await browser.get(`${oldOrigin}/login`)
    return browser.cookies.get('connect.sid') ?? ''
  }

  test('a forged old cookie opens nothing, and the old store is not asked', async (t) => {
    const { url } = await server
    const adopt = await opened(t, url)
    let reads = 0
    const { origin } = await newApp(t, {
      store: memoryStore(),
      adopt: { ...adopt, read: async (id) => (reads++, await adopt.read(id)) },
    })
    const genuine = await cookieOf(t, undefined)
    const forged = [
      await cookieOf(t, 'another secret'),
      genuine.slice(0, -1),
      genuine.replace('s%3A', ''),
      genuine.replace('s%3A', 's%3AX'),
      's%3A',
      '%',
      `${genuine}${'A'.repeat(5_000)}`,
    ]
    for (const value of forged)
      t.is((await jar([['connect.sid', value]]).get(origin)).body['user'], undefined, value.slice(0, 100))
    t.is((await jar([['connect.sid2', genuine]]).get(origin)).body['user'], undefined)
    t.is(reads, 0)
    // The genuine one counts wherever it stands among planted ones.
    const planted = new Map([['a', `b; connect.sid=${forged[0]}; connect.sid=${genuine}`]])
    t.is((await jar(planted).get(origin)).body['user'], 'ada')
  })

  test('a signature of koa-session counts for the name and the id that it was made for', async (t) => {
    const { url } = await server
    const store = koaRedisStore(t, url)
    const oldOrigin = await koaApp(t, { store, maxAge: DAY_MS })
    const otherOrigin = await koaApp(t, { store, key: 'other', maxAge: DAY_MS })
    const [browser, other] = [jar(), jar()]
    await browser.get(`${oldOrigin}/login`)
    await other.get(`${otherOrigin}/login`)
    const { origin } = await newApp(t, {
      store: memoryStore(),
      adopt: await opened(t, url, { writtenBy: 'koa-session' }),
    })
    const [id = '', sig = ''] = ['koa.sess', 'koa.sess.sig'].map((name) => browser.cookies.get(name))
    const [otherId = '', otherSig = ''] = ['other', 'other.sig'].map((name) => other.cookies.get(name))
    for (const [value, signature] of [
      [id, undefined],
      [id, otherSig],
      [otherId, otherSig],
      [otherId, sig],
    ]) {
      const cookies: [string, string][] = [['koa.sess', value ?? '']]
      if (signature !== undefined) cookies.push(['koa.sess.sig', signature])
      t.is((await jar(cookies).get(origin)).body['user'], undefined)
    }
    t.is((await browser.get(origin)).body['user'], 'ada')
  })

  test('without signatures an id opens a record of its own prefix alone, and only if koa-session wrote it', async (t) => {
    const { url, ask } = await server
    const uuid = '8c2f6a5e-0000-4000-8000-000000000001'
    await ask('SET', `job:${uuid}`, JSON.stringify({ user: 'admin', _expire: Date.now() + DAY_MS, _maxAge: DAY_MS }))
    await ask('SET', `web-${uuid}`, JSON.stringify({ user: 'admin' }))
    await ask('SET', `web-${uuid.replace(/1$/, '2')}`, 'not JSON')
    const options = { writtenBy: 'koa-session', secrets: undefined, signed: false, idPrefix: 'web-' } as const
    const { origin } = await newApp(t, { store: memoryStore(), adopt: await opened(t, url, options) })
    const tried = async (id: string) => {
      const { status, body } = await jar([['koa.sess', id]]).get(origin)
      return [status, body['user']]
    }
    t.deepEqual(await tried(`job:${uuid}`), [200, undefined])
    t.deepEqual(await tried('web-'), [200, undefined])
    t.deepEqual(await tried(`web-${uuid}`), [503, undefined])
    t.deepEqual(await tried(`web-${uuid.replace(/1$/, '2')}`), [503, undefined])
  })

  test('a record that is damaged, or a key of another type, is an error and no logout', async (t) => {
    const { url, ask } = await server
    const { browser, record } = await loggedIn(t)
    const { origin } = await newApp(t, { store: memoryStore(), adopt: await opened(t, url) })
    for (const text of ['{"cookie":{}', '[]', '{"user":"ada"}', '{"cookie":{},"at":{"$date":"never"}}']) {
      await ask('SET', record, text)
      const { status, body } = await browser.get(origin)
      t.is(status, 503, text)
      t.regex(String(body['text']), /^The stored session can't be read: /, text)
    }
    await ask('DEL', record)
    await ask('HSET', record, 'v', '1')
    t.is((await browser.get(origin)).status, 503)
    t.true(browser.cookies.has('connect.sid'))
  })

  test('an expired session of koa-session that Redis still has is none', async (t) => {
    const { url, ask } = await server
    const oldOrigin = await koaApp(t, { store: koaRedisStore(t, url), maxAge: DAY_MS })
    const browser = jar()
    await browser.get(`${oldOrigin}/login`)
    const record = browser.cookies.get('koa.sess') ?? ''
    const fields = JSON.parse(await ask('GET', record)) as object
    await ask('SET', record, JSON.stringify({ ...fields, _expire: Date.now() - 1 }))
    const adopt = await opened(t, url, { writtenBy: 'koa-session' })
    const { origin } = await newApp(t, { store: memoryStore(), adopt })
    t.is((await browser.get(origin)).body['user'], undefined)
  })

  test('an old cookie from before a login sees nothing of the session after it', async (t) => {
    const { url } = await server
    const { browser } = await loggedIn(t)
    const attacker = browser.copy()
    const { origin } = await newApp(t, { store: memoryStore(), adopt: await opened(t, url) })
    await browser.get(origin)
    await browser.get(`${origin}/login`)
    t.is((await browser.get(origin)).body['user'], 'grace')
    t.is((await attacker.get(origin)).body['user'], undefined)
    t.is((await browser.get(origin)).body['user'], 'grace')
  })

  test('what can not be used is refused by name', async (t) => {
    const { url } = await server
    const refused = async (given: object, message: RegExp, at = url) =>
      await t.throwsAsync(opened(t, at, { secrets: undefined, ...given }), { message })
    await refused({ writtenBy: 'passport' }, /writtenBy takes 'express-session' or 'koa-session', not 'passport'/)
    await refused({ until: 'tomorrow' }, /until takes a Date/)
    await refused({ secrets: [undefined] }, /secrets takes .*undefined: is the environment variable set/)
    await refused({ signed: false }, /express-session signs its cookie/)
    await refused({ writtenBy: 'koa-session', idPrefix: 'a' }, /idPrefix is for signed: false/)
    await refused({}, /does not take 'prefix'; a prefix is an option/, `${url}?prefix=sess:`)
    await refused({}, /not available/, 'redis://127.0.0.1:1?openTimeoutMs=100')
    const store: SessionStore = memoryStore()
    await t.throwsAsync(newApp(t, { store, adopt: await opened(t, url, { secrets: undefined, until: LATER }) }), {
      message: /adopt needs the secrets/,
    })
    const pending = opened(t, url)
    await t.throwsAsync(newApp(t, { store, adopt: pending as never }), { message: /It is a promise: await it/ })
    await pending
  })
} else {
  test.skip(`adoption: ${redisMissing}`, () => {})
}
