import test from 'ava'
import { openStore, type SessionStore, StoreUnavailableError } from '@ninelives/sessions'
import { client, errorCode } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'
import { until } from '../support/until.ts'

/** A store in memory with some of its verbs replaced, once a test says so. */
async function failingStore(
  verbs: Partial<SessionStore>,
): Promise<{ store: SessionStore; fail: () => void; mend: () => void }> {
  const store = await openStore('memory:')
  const whole = { ...store }
  return { store, fail: () => Object.assign(store, verbs), mend: () => Object.assign(store, whole) }
}

const unavailable = (): Promise<never> => Promise.reject(new StoreUnavailableError('redis at 10.0.0.1:6379'))

for (const [what, verbs] of [
  ['can not be read', { read: unavailable, write: unavailable, touch: unavailable, destroy: unavailable }],
  ['can not be written', { write: unavailable, touch: unavailable, destroy: unavailable }],
] as const) {
  test(`a store that ${what} is 503 with a hint when to come back, and never touches the cookie`, async (t) => {
    const { store, fail, mend } = await failingStore(verbs)
    const visitor = client((await shopServer(t, { store })).url)
    await visitor.login('user-0')
    await visitor.send('POST', '/api/cart', { sku: 'box' })
    const cookie = visitor.cookie
    fail()
    for (const [method, path, payload] of [
      ['POST', '/api/cart', { sku: 'yarn' }],
      ['POST', '/api/counter', undefined],
      ['POST', '/api/login', { name: 'user-0', password: 'password-0' }],
      ['POST', '/api/login', { name: 'user-1', password: 'password-1' }],
      ['POST', '/api/logout', undefined],
    ] as const) {
      const answer = await visitor.send(method, path, payload)
      t.is(answer.status, 503, path)
      t.is(errorCode(answer), 'STORE_UNAVAILABLE')
      t.like(answer.body, { error: { message: 'The session store is not available.' } })
      t.regex(answer.headers.get('Retry-After') ?? '', /^\d+$/)
      t.deepEqual(answer.setCookie, [], path)
    }
    mend()
    await until('the node to be ready', async () => (await visitor.send('GET', '/readyz')).status === 200)
    t.is(visitor.cookie, cookie)
    t.like((await visitor.send('GET', '/api/cart')).body, { user: 'user-0', items: [{ sku: 'box', quantity: 1 }] })
  })
}

test('without its store the shop still shows its page, and answers what needs no session', async (t) => {
  const { store, fail } = await failingStore({ read: unavailable })
  const visitor = client((await shopServer(t, { store })).url)
  await visitor.login('user-0')
  fail()
  for (const path of ['/', '/shop.js', '/healthz', '/metrics'])
    t.is((await visitor.send('GET', path)).status, 200, path)
  t.is((await visitor.send('GET', '/api/nothing')).status, 404)
  t.is((await visitor.send('GET', '/api/cart')).status, 503)
})

test("an unexpected error is a bare 500, and its reason is logged under the request's id", async (t) => {
  const { store, fail } = await failingStore({
    read: () => Promise.reject(Object.assign(new Error('row 7 of table x'), { body: 'password-0' })),
  })
  const { url, logged } = await shopServer(t, { store })
  const visitor = client(url)
  await visitor.login('user-0')
  fail()
  const answer = await visitor.send('GET', '/api/cart')
  t.is(answer.status, 500)
  t.is(errorCode(answer), 'INTERNAL')
  t.notRegex(JSON.stringify(answer.body), /row 7/)
  const lines = logged.map((line) => JSON.parse(line) as Record<string, unknown>)
  const line = lines.find(({ level }) => level === 50)
  t.is(line?.['requestId'], answer.headers.get('X-Request-Id'))
  t.like(line?.['err'], { type: 'Error', message: 'row 7 of table x' })
})

test('no log line ever holds a password, a cookie, a body or the id of a session', async (t) => {
  const { store, fail } = await failingStore({
    write: () => Promise.reject(Object.assign(new Error('refused'), { command: { args: ['secret-sku'] } })),
  })
  const { url, logged } = await shopServer(t, { store })
  const visitor = client(url)
  await visitor.login('user-0')
  await visitor.send('POST', '/api/login', { name: 'user-1', password: 'wrong-secret' })
  await visitor.send('POST', '/api/login', '{"password":"cut-secret"')
  await visitor.send('POST', '/api/cart', { sku: 'secret-sku' })
  await visitor.send('DELETE', '/api/cart/secret-sku')
  fail()
  t.is((await visitor.send('POST', '/api/cart', { sku: 'secret-sku' })).status, 500)
  const value = visitor.cookie?.split('=')[1] ?? ''
  t.true(value.length > 20)
  const log = logged.join('')
  t.regex(log, /"route":"\/api\/cart\/:sku"/)
  for (const part of value.split('.')) t.false(log.includes(part))
  t.notRegex(log, /secret|password/i)
})
