import test from 'ava'
import { client, errorCode } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

const keyed = (key: string): Record<string, string> => ({ 'Idempotency-Key': key })

test('a request sent again with its key adds, counts and removes once', async (t) => {
  const visitor = client((await shopServer(t)).url)
  await visitor.login('user-0')
  for (let attempt = 0; attempt < 3; attempt++) {
    const added = await visitor.send('POST', '/api/cart', { sku: 'box', quantity: 2 }, keyed('add'))
    t.like(added.body, { items: [{ sku: 'box', quantity: 2 }] })
    t.like((await visitor.send('POST', '/api/counter', undefined, keyed('count'))).body, { count: 1 })
  }
  await visitor.send('DELETE', '/api/cart/box', undefined, keyed('remove'))
  await visitor.send('POST', '/api/cart', { sku: 'box' })
  const removed = await visitor.send('DELETE', '/api/cart/box', undefined, keyed('remove'))
  t.like(removed.body, { items: [] })
  t.is(removed.headers.get('Idempotency-Replayed'), 'true')
  t.like((await visitor.send('GET', '/api/cart')).body, { items: [{ sku: 'box', quantity: 1 }] })
})

test('a logout that is sent again with its key is the same logout', async (t) => {
  const { url } = await shopServer(t)
  const visitor = client(url)
  await visitor.login('user-0')
  const again = client(url, visitor.cookie)
  t.is((await visitor.send('POST', '/api/logout', undefined, keyed('out'))).status, 204)
  t.is((await again.send('POST', '/api/logout', undefined, keyed('out'))).status, 204)
  t.like((await again.send('GET', '/api/session')).body, { authenticated: false })
})

test('the same key for another payload is refused', async (t) => {
  const visitor = client((await shopServer(t)).url)
  await visitor.login('user-0')
  await visitor.send('POST', '/api/cart', { sku: 'box' }, keyed('key'))
  const other = await visitor.send('POST', '/api/cart', { sku: 'yarn' }, keyed('key'))
  t.is(other.status, 422)
  t.is(errorCode(other), 'IDEMPOTENCY_MISMATCH')
})

test('a login whose answer was lost, sent again with its key and the cookie of before, is the same login', async (t) => {
  const { url } = await shopServer(t)
  const visitor = client(url)
  await visitor.send('POST', '/api/counter')
  const before = visitor.cookie
  const credentials = { name: 'user-0', password: 'password-0' }
  await visitor.send('POST', '/api/login', credentials, keyed('login'))

  const again = client(url, before)
  t.is((await again.send('POST', '/api/login', credentials, keyed('login'))).status, 200)
  t.not(again.cookie, before)
  t.like((await again.send('GET', '/api/session')).body, { authenticated: true, user: 'user-0' })
  t.like((await again.send('POST', '/api/counter')).body, { count: 2 })
})

test('the cookie from before a login shows nothing of what came after it', async (t) => {
  const { url } = await shopServer(t)
  const victim = client(url)
  await victim.send('POST', '/api/counter')
  const thief = client(url, victim.cookie)
  await victim.login('user-0')
  await victim.send('POST', '/api/cart', { sku: 'box' })
  t.like((await thief.send('GET', '/api/session')).body, { authenticated: false })
  t.is((await thief.send('GET', '/api/cart')).status, 401)
  t.is((await thief.send('POST', '/api/counter')).status, 401)
  t.like((await victim.send('GET', '/api/cart')).body, { items: [{ sku: 'box', quantity: 1 }] })
})

test('a key that was used before the login opens nothing of what came after it', async (t) => {
  const { url } = await shopServer(t)
  const thief = client(url)
  await thief.send('POST', '/api/counter')
  await thief.send('POST', '/api/counter', undefined, keyed('thief'))
  const planted = thief.cookie
  const victim = client(url, planted)
  await victim.login('user-0')

  const again = await thief.send('POST', '/api/counter', undefined, keyed('thief'))
  t.is(again.status, 401)
  t.deepEqual(again.setCookie, [])
  t.like((await thief.send('GET', '/api/session')).body, { authenticated: false })
})

test('two clicks on login, one after the other has begun, leave the visitor logged in', async (t) => {
  const { url } = await shopServer(t)
  const visitor = client(url)
  await visitor.send('POST', '/api/counter')
  const clicks = [client(url, visitor.cookie), client(url, visitor.cookie)]
  const answers = await Promise.all(clicks.map((click) => click.login('user-0')))
  t.deepEqual(
    answers.map(({ status }) => status),
    [200, 200],
  )
  for (const click of clicks) t.like((await click.send('GET', '/api/session')).body, { authenticated: true })
})
