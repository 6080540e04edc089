/** What people who come from koa-session rely on: hooks, explicit commits, events, the id. */
import { once } from 'node:events'
import test from 'ava'
import Koa from 'koa'
import { StoreUnavailableError } from '../../src/errors.ts'
import { sessions, type SessionsOptions } from '../../src/koa/koa.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listening, say } from '../support/koa-server.ts'
import { client, type Handler, KEY, shop } from '../support/shop.ts'
import { MINUTE_MS, timed } from '../support/timed.ts'

const set: Handler = (ctx) => void Object.assign(ctx.session, { user: 'u' })
const read: Handler = (ctx) => ({ fields: ctx.session, maxAge: ctx.session.maxAge, info: ctx.sessionInfo ?? null })
const logout: Handler = (ctx) => {
  ctx.session = null
}

const owned: SessionsOptions['valid'] = (ctx, { owner }) => owner === undefined || ctx.query['as'] === owner

const own: Handler = (ctx) => void Object.assign(ctx.session, { owner: 'one' })

const count: Handler = (ctx) => ctx.session.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1))

const update: Handler = (ctx) => ctx.session.update((draft) => draft['path'])

const committed: Handler = async (ctx) => {
  ctx.session['by'] = ctx.path
  const session = ctx.session as unknown as Record<string, () => Promise<void>>
  await session[ctx.path.slice(1)]?.()
}

const usable: SessionsOptions['valid'] = (ctx) => ctx.path !== '/invalid'

test('save() begins a session with nothing in it, and gives it a cookie', async (t) => {
  const store = memoryStore()
  const browser = client(await shop(t, { '/save': (ctx) => ctx.session.save(), '/': read }, { store }))
  t.is((await browser.get('/save')).setCookie.length, 1)
  t.is(store.localSessionCount?.(), 1)
  t.like((await browser.get('/')).body, { fields: {}, info: { version: 1 } })
  await browser.get('/save')
  t.like((await browser.get('/')).body, { info: { version: 1 } })
})

test('save() of a session that can not be begun fails, as does its callback', async (t) => {
  const store = memoryStore()
  store.write = () => Promise.reject(new StoreUnavailableError('memory'))
  const heard: unknown[] = []
  const calling: Handler = (ctx) => {
    const session = ctx.session as unknown as { save(callback: (error: unknown) => void): void }
    return new Promise((resolve) => session.save((error) => resolve(heard.push(error))))
  }
  const browser = client(await shop(t, { '/save': (ctx) => ctx.session.save(), '/callback': calling }, { store }))
  t.is((await browser.get('/save')).status, 503)
  t.is((await browser.get('/callback')).status, 503)
  t.true(heard[0] instanceof StoreUnavailableError)
})

test('externalKey is the public id: known at once, the same as in the list, and no other session has it', async (t) => {
  const app = new Koa()
  const layer = sessions(app, { store: memoryStore(), keys: [KEY], secure: false })
  app.use((ctx) => {
    if (ctx.path === '/begin') ctx.session['user'] = 'u'
    ctx.body = ctx.session.externalKey
  })
  const origin = await listening(t, app)
  const [one, other] = [client(origin), client(origin)]
  const begun = (await one.get('/begin')).body
  t.is((await one.get('/')).body, begun)
  t.not((await other.get('/begin')).body, begun)
  const listed = await layer.users.list('u')
  t.true(listed.some(({ id }) => id === begun))
  t.false(one.cookie?.includes(String(begun)))
})

test("sameSite 'none' and 'strict' reach the cookie, also where it is taken back", async (t) => {
  for (const sameSite of ['none', 'strict'] as const) {
    const browser = client(await shop(t, { '/set': set, '/logout': logout }, { secure: true, sameSite }))
    for (const path of ['/set', '/logout']) {
      const [cookie = ''] = (await browser.get(path)).setCookie
      t.regex(cookie, new RegExp(`^__Host-sid=.*; path=/;.* samesite=${sameSite}; secure; httponly$`))
    }
  }
  const insecure = shop(t, {}, { sameSite: 'none', secure: false })
  await t.throwsAsync(insecure, { message: /sameSite 'none' takes secure: true/ })
})

test('a cookie for a domain is not named __Host-, which forbids one', async (t) => {
  const names = { 'sid=': false, '__Secure-sid=': true }
  for (const [name, secure] of Object.entries(names)) {
    const browser = client(await shop(t, { '/set': set, '/': read }, { secure, domain: 'example.com' }))
    const [cookie = ''] = (await browser.get('/set')).setCookie
    t.true(cookie.startsWith(name), cookie)
    t.regex(cookie, /; domain=example\.com; samesite=lax;/)
    t.like((await browser.get('/')).body, { fields: { user: 'u' } })
  }
  await t.throwsAsync(shop(t, {}, { domain: 'a b; secure' }), { message: /domain takes a domain's name/ })
})

test('valid: a session that it refuses is not used, and is not changed either', async (t) => {
  const store = memoryStore()
  const origin = await shop(t, { '/begin': own, '/count': count, '/': read }, { store, valid: owned })
  const one = client(origin)
  await one.get('/begin')
  const other = client(origin, one.cookie)
  t.deepEqual((await other.get('/?as=two')).body, { fields: {}, maxAge: 'session', info: null })
  t.is((await other.get('/count?as=two')).body, 1)
  t.not(other.cookie?.slice(0, 26), one.cookie?.slice(0, 26))
  t.like((await one.get('/?as=one')).body, { fields: { owner: 'one' } })
})

test('valid must answer at once: a promise would let every client in', async (t) => {
  const valid = (async () => false) as unknown as NonNullable<SessionsOptions['valid']>
  const browser = client(await shop(t, { '/set': set, '/': read }, { valid }))
  await browser.get('/set')
  t.is((await browser.get('/')).status, 500)
})

test('beforeSave: is called before what is written, may change it, and not for reads or visitors', async (t) => {
  let calls = 0
  const beforeSave: SessionsOptions['beforeSave'] = (ctx, session) => {
    calls++
    session['path'] = ctx.path
  }
  const origin = await shop(t, { '/set': set, '/update': update, '/': read }, { beforeSave })
  const visitor = client(origin)
  t.like((await visitor.get('/')).body, { fields: {} })
  t.deepEqual([visitor.cookie, calls], [undefined, 0])
  const browser = client(origin)
  await browser.get('/set')
  t.like((await browser.get('/')).body, { fields: { user: 'u', path: '/set' } })
  t.is(calls, 1)
  t.is((await browser.get('/update')).body, '/update')
})

test('autoCommit: false writes nothing but by manuallyCommit() and its like, and still ends a session', async (t) => {
  const store = memoryStore()
  const methods = ['/manuallyCommit', '/save', '/regenerate']
  const routes = {
    '/set': set,
    '/logout': logout,
    '/': read,
    ...Object.fromEntries(methods.map((m) => [m, committed])),
  }
  const origin = await shop(t, routes, { store, autoCommit: false })
  const browser = client(origin)
  t.deepEqual((await browser.get('/set')).setCookie, [])
  t.is(store.localSessionCount?.(), 0)
  for (const method of methods) {
    await browser.get(method)
    t.like((await browser.get('/')).body, { fields: { by: method } })
    await browser.get('/set')
    t.false('user' in ((await browser.get('/')).body as { fields: object }).fields)
  }
  const { cookie } = browser
  await browser.get('/logout')
  t.is(browser.cookie, undefined)
  t.like((await client(origin, cookie).get('/')).body, { info: null })
})

test('autoCommit: false ends a session that is replaced, whether or not what replaces it is saved', async (t) => {
  const routes: Record<string, Handler> = {
    '/save': committed,
    '/leave': (ctx) => {
      ctx.session = null
      ctx.session = { flash: 'bye' }
    },
    '/leave-and-save': async (ctx) => {
      ctx.session = null
      ctx.session = { flash: 'bye' }
      await ctx.session.save()
    },
    '/': read,
  }
  const store = memoryStore()
  const destroy = store.destroy.bind(store)
  let ends = 0
  store.destroy = (...given) => (ends++, destroy(...given))
  const origin = await shop(t, routes, { store, autoCommit: false })
  for (const [path, info] of [
    ['/leave', null],
    ['/leave-and-save', { version: 1 }],
  ] as const) {
    const browser = client(origin)
    await browser.get('/save')
    const { cookie } = browser
    ends = 0
    t.is((await browser.get(path)).status, 204)
    t.is(ends, 1)
    t.like((await client(origin, cookie).get('/')).body, { fields: {}, info: null })
    t.like((await browser.get('/')).body, { info })
  }
})

test('session:expired tells of a session whose time is over, missed of one that is not there, invalid of one refused', async (t) => {
  const { time, options } = timed()
  const app = new Koa()
  sessions(app, { ...options, keys: [KEY], secure: false, valid: usable })
  app.use((ctx) => {
    if (ctx.path === '/set') ctx.session['user'] = 'u'
    if (ctx.path === '/logout') ctx.session = null
    ctx.body = ctx.sessionInfo?.id ?? null
  })
  const told: string[] = []
  for (const event of ['expired', 'missed', 'invalid']) {
    app.on(`session:${event}`, ({ key, ctx }: { key: string; ctx: Koa.Context }) => {
      told.push(`${event} ${key} ${ctx.path}`)
    })
  }
  const origin = await listening(t, app)
  const begin = async (): Promise<{ cookie: string; id: string }> => {
    const { headers } = await say(`${origin}/set`)
    const cookie = headers['set-cookie']?.[0]?.split(';', 1)[0] ?? ''
    return { cookie, id: (await say(origin, { headers: { cookie } })).body }
  }
  const hears = async (event: string, path: string, cookie: string): Promise<void> => {
    const heard = once(app, `session:${event}`)
    await say(origin + path, { headers: { cookie } })
    await heard
  }
  const [expired, ended, refused] = [await begin(), await begin(), await begin()]
  await hears('invalid', '/invalid', refused.cookie)
  await say(`${origin}/logout`, { headers: { cookie: ended.cookie } })
  time.nowMs += 31 * MINUTE_MS
  await hears('expired', '/later', expired.cookie)
  await hears('missed', '/later', ended.cookie)
  t.deepEqual(told, [`invalid ${refused.id} /invalid`, `expired ${expired.id} /later`, `missed ${ended.id} /later`])
})
