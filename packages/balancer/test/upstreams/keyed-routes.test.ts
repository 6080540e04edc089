import type { IncomingMessage, ServerResponse } from 'node:http'
import test from 'ava'
import { keyedRoutes } from '../../src/upstreams/keyed-routes.ts'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import type { HttpServer } from '../fixtures/nodes/http-server.ts'
import { until } from '../fixtures/until.ts'
import type { ExecutionContext } from 'ava'

/** What a node honours is known from its first probe, which has time on a busy machine. */
const PATIENT = { PROBE_TIMEOUT_MS: '20000', SUSPECT_MS: '20000' }

test('routes are as they are written, and a segment with a colon is any one', (t) => {
  const routes = keyedRoutes('POST /api/cart, DELETE /api/cart/:sku,POST /')
  t.true(routes?.includes('POST', '/api/cart'))
  t.true(routes?.includes('POST', '/api/cart?sku=1/2'))
  t.true(routes?.includes('POST', '/'))
  t.true(routes?.includes('DELETE', '/api/cart/box'))
  for (const [method, path] of [
    ['PATCH', '/api/cart'],
    ['POST', '/api/cart/'],
    ['POST', '//api/cart'],
    ['POST', '/API/cart'],
    ['POST', '/api/cart/box'],
    ['DELETE', '/api/cart'],
    ['DELETE', '/api/cart/'],
    ['DELETE', '/api/cart/box/1'],
    ['POST', '*'],
  ] as const) {
    t.false(routes?.includes(method, path), `${method} ${path}`)
  }
})

test('a list of routes that can not be read honours no key', (t) => {
  for (const text of ['', 'POST', 'post /a', '/a', 'POST /a;POST /b', 'POST /a?b', `POST /${'a'.repeat(9_000)}`]) {
    t.is(keyedRoutes(text), undefined, text.slice(0, 20))
  }
})

/** Says that it honours keys at these routes. */
async function honouring(t: ExecutionContext, routes: string | undefined): Promise<HttpServer> {
  const upstream = await httpServer(t, (_request, response) => response.end())
  upstream.server.prependListener('request', (_request, response) => {
    if (routes !== undefined) response.setHeader('Idempotency-Key-Honoured', routes)
  })
  return upstream
}

test('an unsafe request without a key gets one where it is honoured, each another one', async (t) => {
  const upstream = await honouring(t, 'POST /cart')
  const { url } = await balancing(t, { a: upstream.port }, PATIENT)
  const empty = { 'idempotency-key': '' }
  const taken = { 'idempotency-key': 'x', connection: 'idempotency-key' }
  for (const headers of [{}, {}, empty, taken]) await ask(`${url}/cart?a`, { method: 'POST', headers })
  const keys = upstream.requests.map(({ headers }) => headers['idempotency-key'])
  t.is(new Set(keys).size, 4)
  for (const key of keys) t.regex(String(key), /^balancer-\d+s-[\da-f-]{36}$/)
})

test('safe requests, other routes and those that have a key are left as they are', async (t) => {
  const upstream = await honouring(t, 'POST /cart')
  const { url } = await balancing(t, { a: upstream.port }, PATIENT)
  await ask(`${url}/cart`)
  await ask(`${url}/other`, { method: 'POST' })
  await ask(`${url}/cart`, { method: 'POST', headers: { 'idempotency-key': '"own"' } })
  t.deepEqual(
    upstream.requests.map(({ headers }) => headers['idempotency-key']),
    [undefined, undefined, '"own"'],
  )
})

test('no answer tells the key', async (t) => {
  const upstream = await honouring(t, 'POST /cart')
  const { url } = await balancing(t, { a: upstream.port }, PATIENT)
  const { rawHeaders, body } = await ask(`${url}/cart`, { method: 'POST' })
  const key = String(upstream.requests[0]?.headers['idempotency-key'])
  t.false([...rawHeaders, body.toString()].some((text) => text.includes(key.replace(/^balancer-\d+s-/, ''))))
})

for (const other of ['POST /cart, POST /more', undefined]) {
  test(`while nodes differ no request gets a key: ${other ?? 'none at the other'}`, async (t) => {
    const upstreams = await Promise.all([honouring(t, 'POST /cart'), honouring(t, other)])
    const [a, b] = upstreams
    const { url } = await balancing(t, { a: a?.port ?? 0, b: b?.port ?? 0 }, PATIENT)
    await ask(`${url}/cart`, { method: 'POST' })
    await ask(`${url}/cart`, { method: 'POST' })
    const requests = upstreams.flatMap((upstream) => upstream.requests)
    t.deepEqual(
      requests.map(({ headers }) => headers['idempotency-key']),
      [undefined, undefined],
    )
  })
}

test('after an attempt at a node that does not honour keys, a node that does is not asked', async (t) => {
  const a = await honouring(t, 'POST /cart')
  const b = await httpServer(t, (request) => request.socket.destroy())
  const held = Promise.withResolvers<ServerResponse>()
  a.server.removeAllListeners('request').on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/readyz') return void response.setHeader('Idempotency-Key-Honoured', 'POST /cart').end()
    a.requests.push(request)
    response.flushHeaders()
    if (request.url === '/held') held.resolve(response)
    else response.end()
  })
  // It serves, but is ejected: it gets only requests without another upstream.
  b.server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/readyz') response.writeHead(500).end()
  })
  const { url } = await balancing(
    t,
    { a: a.port, b: b.port },
    { PROBE_FALL: '1', UPSTREAM_SOCKETS_MAX: '1', ATTEMPT_TIMEOUT_MS: '500' },
  )
  const holding = ask(`${url}/held`)
  const response = await held.promise
  const answer = ask(`${url}/cart`, { method: 'POST' })
  await until(() => b.requests.length === 1, { what: 'the one that waits for a connection to go elsewhere' })
  response.end()
  t.is((await answer).status, 502)
  await holding
  t.deepEqual(
    a.requests.map((request) => request.url),
    ['/held'],
  )
})
