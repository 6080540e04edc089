/** What a browser is told about the cookie: while it is set, when it is taken back, and when its key is replaced. */
import test from 'ava'
import { SessionError } from '../../src/errors.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { client, type Handler, shop } from '../support/shop.ts'

const OLD_KEY = 'a key of thirty-two characters, 0'
const NEW_KEY = 'a key of thirty-two characters, 2'
const COOKIE_BYTES_MAX = 4096

const login: Handler = async (ctx) => {
  Object.assign(ctx.session ?? {}, { user: 'u', name: 'x'.repeat(10_000) })
  await ctx.session?.regenerate()
}

const logout: Handler = (ctx) => {
  ctx.session = null
}

const failedLogout: Handler = (ctx) => {
  ctx.session = null
  throw new SessionError('MOVED', 401, 'elsewhere')
}

const routes = { '/login': login, '/logout': logout, '/failed-logout': failedLogout, '/': () => 'read' }

test('a secure cookie is taken back under the same name, path and attributes, or a browser would keep it', async (t) => {
  const browser = client(await shop(t, routes, { secure: true }))
  for (const path of ['/logout', '/failed-logout']) {
    await browser.get('/login')
    const { setCookie } = await browser.get(path)
    t.is(setCookie.length, 1, path)
    const gone = /^__Host-sid=; path=\/; expires=Thu, 01 Jan 1970 00:00:00 GMT; samesite=lax; secure; httponly$/
    t.regex(setCookie[0] ?? '', gone, path)
  }
})

test('a cookie ends with the browser, is for this host alone, opaque, and small however much the session holds', async (t) => {
  const browser = client(await shop(t, routes, { secure: true }))
  const { setCookie } = await browser.get('/login')
  t.is(setCookie.length, 1)
  const [cookie = ''] = setCookie
  t.notRegex(cookie, /expires|max-age|domain/i)
  t.regex(cookie, /^__Host-sid=[\w.-]+;/)
  t.true(cookie.length < COOKIE_BYTES_MAX)
})

test('a key is replaced without a logout: the next answer signs the same id anew, and the old key can go', async (t) => {
  const store = memoryStore()
  const before = client(await shop(t, routes, { store, keys: [OLD_KEY] }))
  await before.get('/login')
  const during = client(await shop(t, routes, { store, keys: [NEW_KEY, OLD_KEY] }), before.cookie)
  const { setCookie } = await during.get('/')
  t.is(setCookie.length, 1)
  t.is(idOf(during.cookie), idOf(before.cookie))
  t.not(during.cookie, before.cookie)

  const after = await shop(t, { '/': (ctx) => ctx.session?.['user'] }, { store, keys: [NEW_KEY] })
  t.is((await client(after, during.cookie).get('/')).body, 'u')
  t.is((await client(after, before.cookie).get('/')).body, '')
})

function idOf(cookie: string | undefined): string | undefined {
  return cookie?.slice(0, cookie.lastIndexOf('.'))
}
