/** A field that can't be kept is refused with words, and the session stays as it was. */
import test from 'ava'
import Koa from 'koa'
import { sessions } from '../../src/koa/koa.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listening, say } from '../support/koa-server.ts'
import { client, type Handler, KEY, shop } from '../support/shop.ts'

type Fields = Record<string, unknown>

const name = (ctx: Koa.Context): string => String(ctx.query['name'])

/** What went wrong, as the handler or the application's error listener hears it. */
function refusals(): { routes: Readonly<Record<string, Handler>>; told: string[] } {
  const told: string[] = []
  const attempt = (ctx: Koa.Context, change: (session: Fields) => unknown): unknown => {
    try {
      return change(ctx.session)
    } catch (error) {
      told.push((error as Error).message)
      throw error
    }
  }
  return {
    told,
    routes: {
      '/begin': (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u' }),
      '/assign': (ctx) => attempt(ctx, (session) => (session[name(ctx)] = 'x')),
      '/replace': (ctx) => attempt(ctx, () => (ctx.session = { user: 'u', [name(ctx)]: 'x' })),
      '/update': (ctx) => ctx.session?.update((draft) => (draft[name(ctx)] = 'x')),
      '/copy': (ctx) => {
        ctx.session = { ...ctx.session, copied: true }
      },
      '/regenerate': (ctx) => ctx.session?.regenerate(),
      '/': (ctx) => ctx.session,
    },
  }
}

const MEMBERS = ['regenerate', 'save', 'commit', 'manuallyCommit', 'update', 'length', 'populated', 'toJSON']

for (const member of [...MEMBERS, 'externalKey', 'inspect', 'constructor', '__proto__']) {
  test(`a field named ${member} is refused where it is assigned, and later requests are unharmed`, async (t) => {
    const { routes, told } = refusals()
    const browser = client(await shop(t, routes))
    await browser.get('/begin')
    t.is((await browser.get(`/assign?name=${member}`)).status, 500)
    t.is((await browser.get(`/replace?name=${member}`)).status, 500)
    t.is(told.length, 2)
    for (const message of told) {
      t.true(message.startsWith(`session.${member} is a field with the name of a member`), message)
      t.regex(message, /give the field another name\.$/)
    }
    if (member !== '__proto__') t.is((await browser.get(`/update?name=${member}`)).status, 500)
    t.deepEqual((await browser.get('/')).body, { user: 'u' })
    const { cookie } = browser
    t.is((await browser.get('/regenerate')).status, 204)
    t.not(browser.cookie, cookie)
  })
}

for (const begun of [true, false]) {
  test(`a field named _csrf is refused at the commit, in a session ${begun ? 'that was there' : 'just begun'}`, async (t) => {
    const app = new Koa()
    const heard: Error[] = []
    sessions(app, { store: memoryStore(), keys: [KEY], secure: false })
    app.use((ctx) => {
      Object.assign(ctx.session ?? {}, ctx.path === '/begin' ? { user: 'u' } : { _csrf: 'token' })
    })
    const origin = await listening(t, app)
    app.on('error', (error: Error) => heard.push(error))
    const { headers } = await say(`${origin}/begin`)
    const cookie = headers['set-cookie']?.[0]?.split(';', 1)[0] ?? ''
    t.is((await say(origin, { headers: begun ? { cookie } : {} })).status, 500)
    t.deepEqual(
      heard.map(({ message }) => message),
      [
        "session._csrf is a field whose name begins with '_', as koa-session's own do, which can't be kept in a session. Name it 'csrf'.",
      ],
    )
  })
}

test('a value for isNew is refused at the commit', async (t) => {
  const browser = client(await shop(t, refusals().routes))
  await browser.get('/begin')
  for (const path of ['/assign', '/replace', '/update']) t.is((await browser.get(`${path}?name=isNew`)).status, 500)
  t.deepEqual((await browser.get('/')).body, { user: 'u' })
})

test('a copy of the session is no field of its own', async (t) => {
  const browser = client(await shop(t, refusals().routes))
  await browser.get('/begin')
  t.is((await browser.get('/copy')).status, 204)
  t.deepEqual((await browser.get('/')).body, { user: 'u', copied: true })
})

test('a function is refused with its path rather than dropped', async (t) => {
  const browser = client(await shop(t, { '/set': (ctx) => void Object.assign(ctx.session ?? {}, { f: () => {} }) }))
  t.is((await browser.get('/set')).status, 500)
})

test('looking at a session that is not there begins none, whatever the store does', async (t) => {
  const store = memoryStore()
  const browser = client(await shop(t, { '/': (ctx) => ctx.session }, { store, outage: 'anonymous' }))
  t.deepEqual((await browser.get('/')).body, {})
  t.is(store.localSessionCount?.(), 0)
})

const early = async (ctx: Koa.Context, next: Koa.Next): Promise<void> => {
  if (ctx.path === '/field') Object.assign(ctx.session ?? {}, { early: true })
  if (ctx.path === '/object') ctx.session = { early: true }
  if (ctx.path === '/update') await ctx.session?.update((draft) => (draft['early'] = true))
  ctx.body = ctx.session?.['user'] ?? 'nobody'
  await next()
}

test('a session that is changed before the session middleware has run is an error, and not lost', async (t) => {
  const app = new Koa()
  app.use(early)
  sessions(app, { store: memoryStore(), keys: [KEY], secure: false })
  const origin = await listening(t, app)
  for (const path of ['/field', '/object', '/update']) t.is((await say(origin + path)).status, 500, path)
  t.deepEqual(await say(origin).then(({ status, body }) => [status, body]), [200, 'nobody'])
})
