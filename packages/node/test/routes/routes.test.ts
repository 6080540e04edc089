import test from 'ava'
import { client, errorCode } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

test('an unknown address is 404 in the error format', async (t) => {
  const visitor = client((await shopServer(t)).url)
  for (const path of [
    '/nothing',
    '/api',
    '/api/nothing',
    '/api/cart/box/more',
    '/page/shop.js',
    '/shop.css/',
    '/API/cart',
    '/%',
  ]) {
    const answer = await visitor.send('GET', path)
    t.is(answer.status, 404, path)
    t.is(errorCode(answer), 'NOT_FOUND')
    t.is(answer.headers.get('Cache-Control'), 'no-store')
  }
})

for (const [method, path, allow] of [
  ['PUT', '/api/cart', 'GET, HEAD, POST'],
  ['GET', '/api/cart/box', 'DELETE'],
  ['GET', '/api/login', 'POST'],
  ['GET', '/api/counter', 'POST'],
  ['POST', '/api/session', 'GET, HEAD'],
  ['POST', '/healthz', 'GET, HEAD'],
  ['DELETE', '/', 'GET, HEAD'],
  ['OPTIONS', '/api/logout', 'POST'],
] as const) {
  test(`a method that an address does not take is 405: ${method} ${path}`, async (t) => {
    const answer = await client((await shopServer(t)).url).send(method, path)
    t.is(answer.status, 405)
    t.is(errorCode(answer), 'METHOD_NOT_ALLOWED')
    t.is(answer.headers.get('Allow'), allow)
  })
}

test('HEAD is answered as GET, without the body', async (t) => {
  const visitor = client((await shopServer(t)).url)
  await visitor.login('user-0')
  for (const path of ['/', '/healthz', '/readyz', '/metrics', '/api/session', '/api/cart']) {
    const answer = await visitor.send('HEAD', path)
    t.is(answer.status, 200, path)
    t.is(answer.body, '')
    t.true(Number(answer.headers.get('Content-Length')) > 0, path)
  }
})

test('every answer names its node and its request, whatever became of it', async (t) => {
  const { url } = await shopServer(t, { node: 'node-b7' })
  const visitor = client(url)
  const ids = new Set<string | null>()
  const requests = [
    ['GET', '/'],
    ['GET', '/healthz'],
    ['GET', '/nothing'],
    ['PUT', '/api/cart'],
    ['GET', '/api/cart'],
    ['POST', '/api/counter'],
    ['POST', '/api/logout'],
  ] as const
  for (const [method, path] of requests) {
    const { headers } = await visitor.send(method, path)
    t.is(headers.get('X-Served-By'), 'node-b7', path)
    t.is(headers.get('X-Content-Type-Options'), 'nosniff', path)
    ids.add(headers.get('X-Request-Id'))
  }
  t.is(ids.size, requests.length)
})

test("the balancer's request id is kept when it looks like one", async (t) => {
  const visitor = client((await shopServer(t)).url)
  const idFor = async (id: string) =>
    (await visitor.send('GET', '/healthz', undefined, { 'X-Request-Id': id })).headers.get('X-Request-Id')
  // A proxy in front of the balancer may have made it.
  for (const id of ['01J-abc_DEF.9', '1-67891233:abcdef@edge/7+1=', 'x'.repeat(128)]) t.is(await idFor(id), id)
  for (const odd of ['x'.repeat(129), 'with space in it', 'quote"and\\more', '<script>alert']) {
    t.regex((await idFor(odd)) ?? '', /^[0-9a-f-]{36}$/, odd)
  }
})

test('nothing of the API is cached', async (t) => {
  const visitor = client((await shopServer(t)).url)
  for (const path of ['/api/session', '/api/cart']) {
    t.is((await visitor.send('GET', path)).headers.get('Cache-Control'), 'no-store')
  }
})

test('another site changes nothing, and may read what is public', async (t) => {
  const visitor = client((await shopServer(t)).url)
  await visitor.login('user-0')
  const from = (site: string, method: string, path: string) =>
    visitor.send(method, path, undefined, { 'Sec-Fetch-Site': site })
  for (const [method, path] of [
    ['POST', '/api/logout'],
    ['POST', '/api/counter'],
    ['POST', '/api/cart'],
    ['DELETE', '/api/cart/box'],
    ['POST', '/api/login'],
  ] as const) {
    const answer = await from('cross-site', method, path)
    t.is(answer.status, 403, path)
    t.is(errorCode(answer), 'CROSS_ORIGIN')
  }
  t.is((await from('cross-site', 'GET', '/api/session')).status, 200)
  for (const site of ['same-origin', 'none']) t.is((await from(site, 'POST', '/api/counter')).status, 200)
})
