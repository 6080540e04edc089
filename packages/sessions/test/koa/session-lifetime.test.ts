/** `maxAge`: how long one session may be unused, kept with it and mirrored into the cookie. */
import test from 'ava'
import { client, type Handler, shop } from '../support/shop.ts'
import { DAY_MS, MINUTE_MS, timed } from '../support/timed.ts'

function expiresAtMs(setCookie: readonly string[]): number | undefined {
  const [, date] = /; expires=([^;]+)/.exec(setCookie.join('\n')) ?? []
  return date === undefined ? undefined : Date.parse(date)
}

const set: Handler = (ctx) => void Object.assign(ctx.session, { user: 'u' })
const read: Handler = (ctx) => ({ fields: ctx.session, maxAge: ctx.session.maxAge, info: ctx.sessionInfo ?? null })
const remember: Handler = (ctx) => {
  ctx.session['user'] = 'u'
  ctx.session.maxAge = 30 * DAY_MS
}
const REMEMBERING = { absoluteTimeoutMs: 60 * DAY_MS }

const forget: Handler = (ctx) => {
  ctx.session.maxAge = 'session'
}

const loginAs: Handler = (ctx) => void Object.assign(ctx.session, { user: ctx.querystring })

const short: Handler = (ctx) => {
  ctx.session['user'] = 'u'
  ctx.session.maxAge = MINUTE_MS
}

const itself: Handler = (ctx) => {
  const { session } = ctx
  ctx.session = session
}
const copy: Handler = (ctx) => {
  ctx.session = { ...ctx.session, copied: true }
}

for (const [how, handler] of Object.entries({
  'session.maxAge = n': remember,
  'session = { maxAge: n }': (ctx) => {
    ctx.session = { user: 'u', maxAge: 30 * DAY_MS }
  },
} satisfies Record<string, Handler>)) {
  test(`'ctx.${how}' is a "remember me": kept with the session, and by the browser as long`, async (t) => {
    const { time, options } = timed()
    const routes = { '/login': handler, '/': read }
    const browser = client(await shop(t, routes, { ...options, ...REMEMBERING }))
    const login = await browser.get('/login')
    t.is(login.setCookie.length, 1)
    const endMs = Math.floor((time.nowMs + 30 * DAY_MS) / 1000) * 1000
    t.is(expiresAtMs(login.setCookie), endMs)
    time.nowMs += 20 * DAY_MS
    const later = await browser.get('/')
    t.like(later.body, { fields: { user: 'u' }, maxAge: 30 * DAY_MS })
    // The session lives longer for it, and so does the cookie.
    t.is(expiresAtMs(later.setCookie), endMs + 20 * DAY_MS)
    time.nowMs += 29 * DAY_MS
    t.like((await browser.get('/')).body, { fields: { user: 'u' } })
  })
}

test('the absolute timeout bounds a maxAge, in the store and in the cookie', async (t) => {
  const { time, options } = timed()
  const browser = client(await shop(t, { '/login': remember, '/': read }, options))
  const { setCookie } = await browser.get('/login')
  t.is(expiresAtMs(setCookie), Math.floor((time.nowMs + DAY_MS) / 1000) * 1000)
  time.nowMs += DAY_MS
  t.deepEqual((await browser.get('/')).body, { fields: {}, maxAge: 'session', info: null })
})

test('a shorter maxAge ends a session sooner than the others', async (t) => {
  const { time, options } = timed()
  const origin = await shop(t, { '/short': short, '/usual': set, '/': read }, options)
  const [brief, usual] = [client(origin), client(origin)]
  await brief.get('/short')
  await usual.get('/usual')
  time.nowMs += 2 * MINUTE_MS
  t.like((await brief.get('/')).body, { fields: {} })
  t.like((await usual.get('/')).body, { fields: { user: 'u' } })
})

test("maxAge = 'session' takes it back: the cookie ends with the browser, the session after the usual time", async (t) => {
  const { time, options } = timed()
  const routes = { '/login': remember, '/forget': forget, '/': read }
  const browser = client(await shop(t, routes, { ...options, ...REMEMBERING }))
  await browser.get('/login')
  const { setCookie } = await browser.get('/forget')
  t.is(setCookie.length, 1)
  t.is(expiresAtMs(setCookie), undefined)
  t.like((await browser.get('/')).body, { maxAge: 'session' })
  time.nowMs += 31 * MINUTE_MS
  t.like((await browser.get('/')).body, { fields: {} })
})

test('the option maxAge is the idle timeout of every session, with a cookie that is kept as long', async (t) => {
  const { time, options } = timed()
  const browser = client(await shop(t, { '/set': set, '/': read }, { ...options, ...REMEMBERING, maxAge: 7 * DAY_MS }))
  const { setCookie } = await browser.get('/set')
  t.is(expiresAtMs(setCookie), Math.floor((time.nowMs + 7 * DAY_MS) / 1000) * 1000)
  time.nowMs += 6 * DAY_MS
  t.like((await browser.get('/')).body, { fields: { user: 'u' }, maxAge: 7 * DAY_MS })
  time.nowMs += 7 * DAY_MS + 1
  t.like((await browser.get('/')).body, { fields: {} })
})

test('setting the maxAge that the session has writes nothing', async (t) => {
  const browser = client(await shop(t, { '/': (ctx) => (remember(ctx), read(ctx)) }, REMEMBERING))
  await browser.get('/')
  await browser.get('/')
  t.like((await browser.get('/')).body, { info: { version: 1 } })
})

test('a session that is set to itself, or to a copy, keeps its lifetime and begins none', async (t) => {
  const origin = await shop(t, { '/remember': remember, '/itself': itself, '/copy': copy, '/': read }, REMEMBERING)
  const visitor = client(origin)
  t.deepEqual((await visitor.get('/itself')).setCookie, [])
  const browser = client(origin)
  await browser.get('/remember')
  for (const path of ['/itself', '/copy']) {
    await browser.get(path)
    t.like((await browser.get('/')).body, { fields: { user: 'u' }, maxAge: 30 * DAY_MS })
  }
})

test('the next user of a session has not chosen to be remembered', async (t) => {
  const routes = { '/remember': remember, '/login': loginAs, '/': read }
  const browser = client(await shop(t, routes, REMEMBERING))
  await browser.get('/remember')
  const { setCookie } = await browser.get('/login?another')
  t.is(setCookie.length, 1)
  t.is(expiresAtMs(setCookie), undefined)
  t.like((await browser.get('/')).body, { fields: { user: 'another' }, maxAge: 'session' })
})

for (const maxAge of [Number.NaN, 0, -1, Infinity, '1h', null]) {
  test(`a maxAge of ${String(maxAge)} is refused where it is set`, async (t) => {
    const origin = await shop(t, {
      '/field': (ctx) => {
        ctx.session.maxAge = maxAge as number
      },
      '/object': (ctx) => {
        ctx.session = { user: 'u', maxAge: maxAge as number }
      },
    })
    for (const path of ['/field', '/object']) {
      const { status, setCookie } = await client(origin).get(path)
      t.deepEqual([status, setCookie], [500, []], path)
    }
  })
}
