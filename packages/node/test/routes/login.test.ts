import test from 'ava'
import { SESSION_BYTES_MAX } from '../../src/shop.ts'
import { client, errorCode } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

test('a login answers with the user, and the session has that user from then on', async (t) => {
  const visitor = client((await shopServer(t)).url)
  const login = await visitor.login('user-1')
  t.is(login.status, 200)
  const { displayName, ...rest } = login.body as { displayName: string }
  t.deepEqual(rest as unknown, { user: 'user-1', node: 'a' })
  t.regex(displayName, /^[가-힣]{3}$/)

  const session = await visitor.send('GET', '/api/session')
  const { version, createdAt, expiresAt, ...who } = session.body as Record<string, unknown>
  t.deepEqual(who, { authenticated: true, user: 'user-1', displayName, node: 'a' })
  t.is(version, 1)
  for (const instant of [createdAt, expiresAt]) t.is(new Date(instant as string).toISOString(), instant as string)
  t.is(Date.parse(expiresAt as string) - Date.parse(createdAt as string), 60_000)
})

test('the cookie is out of reach for scripts and other sites, and over https bound to this host', async (t) => {
  const plain = await client((await shopServer(t)).url).login('user-0')
  t.is(plain.setCookie.length, 1)
  t.regex(plain.setCookie[0] ?? '', /^sid=[^;]{60,}; path=\/; samesite=lax; httponly$/i)
  const secure = await client((await shopServer(t, { secure: true })).url).login('user-0')
  t.regex(secure.setCookie[0] ?? '', /^__Host-sid=[^;]{60,}; path=\/; samesite=lax; secure; httponly$/i)
})

test('a visitor is not authenticated', async (t) => {
  const visitor = client((await shopServer(t)).url)
  const session = await visitor.send('GET', '/api/session')
  t.deepEqual(session.body, { authenticated: false, node: 'a' })
  t.deepEqual(session.setCookie, [])
})

test('an unknown name and a wrong password get the same answer', async (t) => {
  const visitor = client((await shopServer(t)).url)
  const answers = await Promise.all(
    [
      { name: 'user-0', password: 'password-1' },
      { name: 'user-4', password: 'password-4' },
      { name: '__proto__', password: 'password-0' },
    ].map((credentials) => visitor.send('POST', '/api/login', credentials)),
  )
  for (const answer of answers) {
    t.is(answer.status, 401)
    t.is(errorCode(answer), 'WRONG_CREDENTIALS')
    t.deepEqual(answer.body, answers[0]?.body)
    t.deepEqual([...answer.headers.keys()], [...(answers[0]?.headers.keys() ?? [])])
    t.deepEqual(answer.setCookie, [])
  }
})

test('a failed login does not change the session', async (t) => {
  const visitor = client((await shopServer(t)).url)
  await visitor.login('user-0')
  t.is((await visitor.send('POST', '/api/login', { name: 'user-1', password: 'wrong' })).status, 401)
  t.like((await visitor.send('GET', '/api/session')).body, { user: 'user-0' })
})

for (const payload of [
  {},
  { name: 'user-0' },
  { name: 'user-0', password: 7 },
  { name: ['user-0'], password: 'password-0' },
  { name: '', password: 'password-0' },
  { name: 'u'.repeat(65), password: 'password-0' },
  { name: 'user-0', password: 'p'.repeat(257) },
]) {
  test(`credentials of the wrong shape are 422: ${JSON.stringify(payload).slice(0, 60)}`, async (t) => {
    const answer = await client((await shopServer(t)).url).send('POST', '/api/login', payload)
    t.is(answer.status, 422)
    t.is(errorCode(answer), 'BAD_CREDENTIALS')
  })
}

test('a login gives a session that was there another id, and keeps what is in it', async (t) => {
  const visitor = client((await shopServer(t)).url)
  await visitor.send('POST', '/api/counter')
  const anonymous = visitor.cookie
  await visitor.login('user-0')
  t.not(visitor.cookie, anonymous)
  t.like((await visitor.send('POST', '/api/counter')).body, { count: 2 })
})

test('the same user logging in again keeps the cart, under another id', async (t) => {
  const visitor = client((await shopServer(t)).url)
  await visitor.login('user-0')
  await visitor.send('POST', '/api/cart', { sku: 'box' })
  const before = visitor.cookie
  await visitor.login('user-0')
  t.not(visitor.cookie, before)
  t.like((await visitor.send('GET', '/api/cart')).body, { user: 'user-0', items: [{ sku: 'box', quantity: 1 }] })
})

test("another user logging in gets an empty session, and the first user's has ended", async (t) => {
  const { url } = await shopServer(t)
  const visitor = client(url)
  await visitor.login('user-0')
  await visitor.send('POST', '/api/cart', { sku: 'secret-gift' })
  await visitor.send('POST', '/api/counter')
  const first = client(url, visitor.cookie)
  await visitor.login('user-1')
  t.like((await visitor.send('GET', '/api/cart')).body, { user: 'user-1', items: [] })
  t.like((await visitor.send('POST', '/api/counter')).body, { count: 1 })
  t.is((await first.send('GET', '/api/cart')).status, 401)
  t.like((await first.send('GET', '/api/session')).body, { authenticated: false })
})

test('two users that log in concurrently in one browser get two sessions', async (t) => {
  const { url } = await shopServer(t)
  const visitor = client(url)
  await visitor.send('POST', '/api/counter')
  const tabs = [0, 1, 2, 3].map((number) => ({ name: `user-${number}`, tab: client(url, visitor.cookie) }))
  const served = await Promise.all(
    tabs.map(async ({ name, tab }) => {
      const login = await tab.login(name)
      await tab.send('POST', '/api/cart', { sku: `gift-of-${name}` })
      return { name, tab, login }
    }),
  )
  let carts = 0
  for (const { name, tab } of served) {
    const cart = await tab.send('GET', '/api/cart')
    if (cart.status !== 200) continue
    t.deepEqual(
      [(cart.body as { user: string }).user, (cart.body as { items: unknown[] }).items],
      [name, [{ sku: `gift-of-${name}`, quantity: 1 }]],
    )
    carts += 1
  }
  t.true(carts >= 1)
})

test('logout ends the session: its cookie is deleted, and does not work again', async (t) => {
  const { url } = await shopServer(t)
  const visitor = client(url)
  await visitor.login('user-0')
  const kept = client(url, visitor.cookie)
  const logout = await visitor.send('POST', '/api/logout')
  t.is(logout.status, 204)
  t.is(logout.body, '')
  t.is(visitor.cookie, undefined)
  t.like((await kept.send('GET', '/api/session')).body, { authenticated: false })
  t.is(errorCode(await kept.send('GET', '/api/cart')), 'NOT_LOGGED_IN')
})

test('logging out without a session is fine', async (t) => {
  const visitor = client((await shopServer(t)).url)
  t.is((await visitor.send('POST', '/api/logout')).status, 204)
})

test('guesses are throttled by account and address, with a Retry-After', async (t) => {
  const { url } = await shopServer(t)
  const guess = (n: number) => client(url).send('POST', '/api/login', { name: 'user-0', password: `guess-${n}` })
  const statuses: number[] = []
  for (let n = 0; n < 8; n++) statuses.push((await guess(n)).status)
  t.deepEqual(statuses.slice(0, 5), [401, 401, 401, 401, 401])
  const refused = await guess(9)
  t.is(refused.status, 429)
  t.is(errorCode(refused), 'LOGIN_THROTTLED')
  t.regex(refused.headers.get('Retry-After') ?? '', /^[1-9]\d*$/)
  t.is((await client(url).login('user-1')).status, 200)
})

test('a session is made as large as it is asked for', async (t) => {
  const small = await client((await shopServer(t, { sessionPaddingBytes: 64 * 1024 })).url).login('user-0')
  t.is(small.status, 200)
  // Seen from outside it is only that it does not fit any more.
  const large = await client((await shopServer(t, { sessionPaddingBytes: SESSION_BYTES_MAX })).url).login('user-0')
  t.is(errorCode(large), 'SESSION_TOO_LARGE')
})
