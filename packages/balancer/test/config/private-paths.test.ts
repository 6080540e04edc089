/** Paths for the nodes' operators are hidden from clients. */
import test from 'ava'
import { readConfig } from '../../src/config/config.ts'
import { isPrivatePath, normalPath } from '../../src/config/private-paths.ts'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { rawClient } from '../fixtures/requests/raw.ts'

const UPSTREAMS = 'a=http://127.0.0.1:21001'
const PATHS = ['/metrics', '/internal/state']

for (const target of [
  '/metrics',
  '/metrics?x=1',
  '/metrics/',
  '/metrics/nodes',
  '//metrics',
  '/METRICS',
  '/%6detrics',
  '/%6Detrics',
  '/metrics%2fx',
  '/./metrics',
  '/shop/../metrics',
  '/shop/%2e%2E/metrics',
  '/\\metrics',
  '/metrics;x=1',
  '/metrics#x',
  '/internal//state',
  '/../internal/state/x',
]) {
  test(`private: ${target}`, (t) => t.true(isPrivatePath(target, PATHS)))
}

for (const target of ['/', '*', '/metricsx', '/x/metrics', '/internal', '/?/metrics', '/metrics/../', '/%6', '/%ff']) {
  test(`not private: ${target}`, (t) => t.false(isPrivatePath(target, PATHS)))
}

test('without private paths every path is public', (t) => t.false(isPrivatePath('/metrics', [])))

test('a configured path is taken in any spelling, and "none" stands for no path', (t) => {
  t.deepEqual(readConfig({ UPSTREAMS }).privatePaths, ['/metrics', '/readyz'])
  t.deepEqual(readConfig({ UPSTREAMS, PRIVATE_PATHS: '/Admin/, /x//y' }).privatePaths, ['/admin', '/x/y'])
  t.deepEqual(readConfig({ UPSTREAMS, PRIVATE_PATHS: 'none' }).privatePaths, [])
  t.is(normalPath('/'), '/')
  for (const text of ['metrics', '/', '/a?b', '/a,']) {
    t.throws(() => readConfig({ UPSTREAMS, PRIVATE_PATHS: text }), {
      message: /^PRIVATE_PATHS has ".*", but takes none/,
    })
  }
})

test('clients get 404 for metrics and readiness, and go on over the same connection', async (t) => {
  const upstream = await httpServer(t, (request, response) => response.end(request.url))
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  for (const path of ['/metrics', '/readyz?verbose', '/%72eadyz'])
    client.send(`GET ${path} HTTP/1.1`, 'Host: a', '', '')
  client.send('GET http://shop.example/metrics HTTP/1.1', 'Host: a', '', '')
  client.send('POST /metrics HTTP/1.1', 'Host: a', 'Content-Length: 2', '', 'hi')
  client.send('GET /healthz HTTP/1.1', 'Host: a', 'Connection: close', '', '')
  const answers = await client.closed
  t.deepEqual(answers.match(/HTTP\/1\.1 \d+/g), [...Array<string>(5).fill('HTTP/1.1 404'), 'HTTP/1.1 200'])
  t.deepEqual(
    upstream.requests.map(({ url }) => url),
    ['/healthz'],
  )
})

test('an upgrade to WebSocket at a private path is refused', async (t) => {
  const upstream = await httpServer(t, () => 'not asked')
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send('GET /metrics HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', '', '')
  t.regex(await client.closed, /^HTTP\/1\.1 404 /)
  t.is(upstream.requests.length, 0)
})

test('which paths are private is a setting', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end('a node'))
  const { url } = await balancing(t, { a: upstream.port }, { PRIVATE_PATHS: '/internal' })
  t.is((await ask(`${url}/metrics`)).status, 200)
  t.is((await ask(`${url}/internal/state`)).status, 404)
})
