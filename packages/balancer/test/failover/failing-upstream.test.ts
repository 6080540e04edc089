/** What a client sees of an upstream that breaks, hangs or was never there: a whole answer, or a broken connection. */
import { request as open, type RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { answerTo, ask } from '../fixtures/requests/client.ts'
import { httpServer, type HttpServer } from '../fixtures/nodes/http-server.ts'
import { freePort } from '../fixtures/processes.ts'
import { rawClient, rawServer } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

/** Several probes. */
const EJECTED_WITHIN_MS = 1_500
const LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n'
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

const breaksOff = test.macro({
  async exec(t, begun: string, breakOff: (socket: Socket) => void) {
    const upstream = await rawServer(t, (socket) => void socket.write(begun))
    const { port } = await balancing(t, { a: upstream.port })
    const client = await rawClient(t, port)
    client.send('GET / HTTP/1.1', 'Host: a', '', '')
    await client.receives(/half/)
    const [socket] = upstream.connections
    if (socket) breakOff(socket)
    const text = await client.closed
    t.regex(text, /^HTTP\/1\.1 200 OK\r\n[^]*half(\r\n)?$/, 'neither the rest nor the last chunk')
  },
  title: (what = '') => `an answer that breaks off ends the client's connection at once: ${what}`,
})

test('FIN in a body of known length', breaksOff, `${LENGTH}half`, (socket) => socket.end())
test('RST in a body of known length', breaksOff, `${LENGTH}half`, (socket) => socket.resetAndDestroy())
test('FIN in chunks', breaksOff, `${CHUNKED}4\r\nhalf\r\n`, (socket) => socket.end())
test('RST in chunks', breaksOff, `${CHUNKED}4\r\nhalf\r\n`, (socket) => socket.resetAndDestroy())
test('RST in a body that ends with its connection', breaksOff, 'HTTP/1.1 200 OK\r\n\r\nhalf', (socket) =>
  socket.resetAndDestroy(),
)
test('junk in chunks', breaksOff, `${CHUNKED}4\r\nhalf\r\n`, (socket) => socket.write('no size\r\n'))

test('an answer that breaks off while others of its pipeline come first breaks the connection too', async (t) => {
  const upstream = await httpServer(t, (request, response) => {
    if (request.url === '/first') return void setTimeout(() => response.end('first'), 300)
    response.write('half')
    setTimeout(() => request.socket.destroy(), 50)
  })
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  for (const path of ['/first', '/second']) client.send(`GET ${path} HTTP/1.1`, 'Host: a', '', '')
  t.notRegex(await client.closed, /half[^]*0\r\n\r\n$/)
})

test('to an HTTP/1.0 client a broken answer is a reset, because a FIN would look like the end of the answer', async (t) => {
  const upstream = await rawServer(t, (socket) => void socket.write(`${CHUNKED}4\r\nhalf\r\n`))
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  const errors: string[] = []
  client.socket.on('error', (error: NodeJS.ErrnoException) => errors.push(String(error.code)))
  client.send('GET / HTTP/1.0', '', '')
  await client.receives(/half/)
  upstream.connections[0]?.end()
  await client.closed
  t.deepEqual(errors, ['ECONNRESET'])
})

test('an answer that ends with its connection is complete', async (t) => {
  const upstream = await rawServer(t, (socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nwhole'))
  const { url } = await balancing(t, { a: upstream.port })
  t.is((await ask(url)).body.toString(), 'whole')
})

test('an upstream that goes silent in the middle of an answer does not hang its client', async (t) => {
  const upstream = await rawServer(t, (socket) => void socket.write(`${LENGTH}half`))
  const { port } = await balancing(t, { a: upstream.port }, { ANSWER_IDLE_MS: '200' })
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.1', 'Host: a', '', '')
  t.regex(await client.closed, /half$/)
})

test('an answer that keeps coming is not cut for taking long', async (t) => {
  const upstream = await rawServer(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n')
    const timer = setInterval(() => socket.write('x'), 400)
    socket.once('close', () => clearInterval(timer))
  })
  const timeouts = { ANSWER_IDLE_MS: '3000', ATTEMPT_TIMEOUT_MS: '3000' }
  const { url } = await balancing(t, { a: upstream.port }, timeouts)
  t.is((await ask(url)).body.toString(), 'x'.repeat(10))
})

/** Each of two answers comes from the other upstream where the first broke, or says what is known. */
async function breaksBefore(t: ExecutionContext, method: string, headers = {}): Promise<[number[], string]> {
  const upstream = await rawServer(t, (socket) => void socket.resetAndDestroy())
  const other = await httpServer(t, (_request, response) => response.end())
  const { url } = await balancing(t, { a: upstream.port, b: other.port }, { PROBE_INTERVAL_MS: '60000' })
  const answers = await Promise.all(['one', 'two'].map(() => ask(url, { method, headers })))
  t.is(upstream.connections.length, 1)
  const failed = answers.find(({ status }) => status !== 200)
  return [answers.map(({ status }) => status).sort((left, right) => left - right), failed?.body.toString() ?? '']
}

for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']) {
  test(`${method}: after a connection that breaks before the answer it is sent elsewhere`, async (t) => {
    t.deepEqual(await breaksBefore(t, method), [[200, 200], ''])
  })
}

for (const method of ['POST', 'PATCH']) {
  test(`${method}: a connection that breaks before the answer is a 502, unless it has a key`, async (t) => {
    const [statuses, body] = await breaksBefore(t, method)
    t.deepEqual(statuses, [200, 502])
    t.regex(body, /failed before it answered\. It may have been carried out\."/)
    t.deepEqual(await breaksBefore(t, method, { 'idempotency-key': 'own' }), [[200, 200], ''])
  })
}

test('an empty idempotency key counts as none', async (t) => {
  const [statuses] = await breaksBefore(t, 'POST', { 'idempotency-key': '' })
  t.deepEqual(statuses, [200, 502])
})

test('after an upstream broke in the middle of an upload the rest is discarded, and the next request understood', async (t) => {
  const upstream = await rawServer(t, (socket) => void socket.resetAndDestroy())
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  const rest = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(10_000)
  client.send('POST /first HTTP/1.1', 'Host: a', `Content-Length: ${rest.length + 1}`, '', 'x')
  await client.receives(/ 502 [^]*\}\n$/)
  client.send(rest)
  client.send('GET /next HTTP/1.1', 'Host: a', 'Connection: close', '', '')
  t.is((await client.closed).match(/HTTP\/1\.1 502 /g)?.length, 2)
  t.deepEqual(upstream.received(1).split(' ').slice(0, 2), ['GET', '/next'])
})

test('an upstream that does not answer in time is a 504, and its connection is given up', async (t) => {
  const upstream = await rawServer(t, () => 'says nothing')
  const { url } = await balancing(t, { a: upstream.port }, { ATTEMPT_TIMEOUT_MS: '100' })
  const { status, body } = await ask(url, { method: 'POST' })
  t.is(status, 504)
  t.like(JSON.parse(body.toString()), { error: { code: 'GATEWAY_TIMEOUT' } })
  await until(() => upstream.connections[0]?.destroyed === true, { what: 'the connection to be closed' })
})

test("an upload that keeps coming is not a silent upstream, and one that stalls is the client's fault", async (t) => {
  const upstream = await httpServer(t, (request, response) => request.resume().on('end', () => response.end('ok')))
  const { url } = await balancing(t, { a: upstream.port }, { ATTEMPT_TIMEOUT_MS: '3000' })
  const steady = open(url, { method: 'POST', agent: false, headers: { 'content-length': 20 } })
  const answer = answerTo(steady)
  let left = 20
  const timer = setInterval(() => {
    left -= 1
    steady.write('x')
    if (left === 0) clearInterval(timer)
  }, 200)
  t.is((await answer).status, 200)
  const stalling = open(url, { method: 'POST', agent: false, headers: { 'content-length': 20 } })
  const refused = answerTo(stalling)
  stalling.write('x')
  t.is((await refused).status, 408)
})

test('without any upstream the answer is 503, in the form that the client prefers, with Retry-After', async (t) => {
  const { url } = await balancing(t, { a: await freePort(), b: await freePort() }, { WAIT_MS: '50' })
  const { status, headers, body } = await ask(url, { method: 'POST', body: 'hello' })
  t.is(status, 503)
  t.is(headers['retry-after'], '1')
  t.like(JSON.parse(body.toString()), { error: { code: 'UNAVAILABLE', requestId: headers['x-request-id'] } })
  const text = await ask(url, { headers: { accept: 'text/html,*/*;q=0.8' } })
  t.regex(text.body.toString(), /^503 Service Unavailable: /)
})

test('an upstream that died with a write may have done it: that no other is left is no 503, which says that nothing was sent', async (t) => {
  const both: HttpServer[] = []
  // The balancer ejects both before the request's own connection breaks.
  const dies: RequestListener = (request) => {
    for (const { server } of both) {
      server.close()
      server.closeIdleConnections()
    }
    setTimeout(() => request.socket.destroy(), EJECTED_WITHIN_MS)
  }
  both.push(await httpServer(t, dies), await httpServer(t, dies))
  const [a, b] = both.map(({ port }) => port)
  const { url } = await balancing(t, { a: a ?? 0, b: b ?? 0 }, { WAIT_MS: '200' })
  const keyed = { 'idempotency-key': 'only-once-0123456789' }
  const { status, body } = await ask(url, { method: 'POST', body: 'hello', headers: keyed })
  t.is(status, 502)
  t.like(JSON.parse(body.toString()), { error: { code: 'BAD_GATEWAY' } })
})

test('after a request that no upstream takes, the next one on its connection is understood', async (t) => {
  const { port } = await balancing(t, { a: await freePort() }, { WAIT_MS: '50' })
  const client = await rawClient(t, port)
  const hidden = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n'
  client.send('POST / HTTP/1.1', 'Host: a', `Content-Length: ${hidden.length}`, '', '')
  await client.receives(/ 503 [^]*\}\n$/)
  client.send(hidden)
  client.send('GET /next HTTP/1.1', 'Host: a', 'Connection: close', '', '')
  t.is((await client.closed).match(/ 503 /g)?.length, 2)
})
