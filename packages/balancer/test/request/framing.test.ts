/** Where a request ends: what two servers in a row could understand differently never gets to the second. */
import test from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { rawClient, rawServer } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n'

for (const method of ['DELETE', 'OPTIONS', 'POST']) {
  test(`a request hidden in the chunked body of ${method} stays a body`, async (t) => {
    const upstream = await httpServer(t, (request, response) => request.resume().on('end', () => response.end()))
    const { port } = await balancing(t, { a: upstream.port })
    const client = await rawClient(t, port)
    const chunk = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`
    client.send(`${method} /shown HTTP/1.1`, 'Host: a', 'Transfer-Encoding: chunked', '', chunk)
    await client.receives(/^HTTP\/1\.1 200 [^]*\r\n\r\n/)
    client.send('GET /next HTTP/1.1', 'Host: a', 'Connection: close', '', '')
    await client.closed
    t.deepEqual(
      upstream.requests.map(({ url }) => url),
      ['/shown', '/next'],
    )
    t.is(upstream.requests[0]?.headers['transfer-encoding'], 'chunked')
  })
}

for (const method of ['GET', 'HEAD']) {
  test(`a body of ${method}, which another server might ignore, is the last on both connections`, async (t) => {
    const upstream = await httpServer(t, (request, response) => request.resume().on('end', () => response.end()))
    const { port } = await balancing(t, { a: upstream.port })
    const client = await rawClient(t, port)
    client.send(`${method} /shown HTTP/1.1`, 'Host: a', `Content-Length: ${HIDDEN.length}`, '', `${HIDDEN}${HIDDEN}`)
    t.regex(await client.closed, /^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n/)
    t.deepEqual(
      upstream.requests.map(({ url, headers: { connection } }) => [url, connection]),
      [['/shown', 'close']],
    )
  })
}

test('what is sent for a chunked DELETE has the length that it says', async (t) => {
  const upstream = await rawServer(t, (socket, received) => {
    if (received.endsWith('0\r\n\r\n')) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
  })
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send('DELETE / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', '', '3', 'abc', '0', '', '')
  await client.receives(/^HTTP\/1\.1 204 /)
  const [head = '', body] = upstream.received().split(/\r\n\r\n(.*)/s)
  t.regex(head, /\r\ntransfer-encoding: chunked/i)
  t.notRegex(head, /content-length/i)
  t.is(body, '3\r\nabc\r\n0\r\n\r\n')
})

test('a Trailer field crashes no process, in either direction', async (t) => {
  const upstream = await rawServer(t, (socket, received) => {
    if (!received.endsWith('\r\n\r\n')) return
    socket.write('HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nhi')
  })
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send('POST / HTTP/1.1', 'Host: a', 'Trailer: X-Sum', 'Content-Length: 0', '', '')
  await client.receives(/^HTTP\/1\.1 200 OK[^]*\r\n\r\nhi$/)
  t.notRegex(client.text(), /trailer/i)
  t.notRegex(upstream.received(), /trailer/i)
})

test('trailers end here', async (t) => {
  const upstream = await httpServer(t, (request, response) => {
    request.resume().on('end', () => response.end(JSON.stringify(request.trailers)))
  })
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', 'Trailer: X-Sum', '', '')
  client.send('1', 'x', '0', 'X-Sum: 1', '', '')
  await client.receives(/^HTTP\/1\.1 200 OK[^]*\r\n\r\n\{\}$/)
  t.pass()
})

const refused = test.macro({
  async exec(t, lines: readonly string[], status: number, code: string) {
    const upstream = await httpServer(t, (_request, response) => response.end())
    const { port } = await balancing(t, { a: upstream.port })
    const client = await rawClient(t, port)
    client.send(...lines, HIDDEN)
    const answer = await client.closed
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    t.regex(head, new RegExp(`^HTTP/1\\.1 ${status} `))
    t.regex(head, /\r\nConnection: close/i)
    t.like(JSON.parse(body), { error: { code } })
    t.is(upstream.requests.length, 0)
  },
  title: (what = '') => `refused: ${what}`,
})

const CHUNKED = 'Transfer-Encoding: chunked'
const POST = ['POST / HTTP/1.1', 'Host: a']
test('a length and chunks', refused, [...POST, 'Content-Length: 3', CHUNKED, '', '0', '', ''], 400, 'BAD_REQUEST')
test('two lengths', refused, [...POST, 'Content-Length: 1', 'Content-Length: 2', '', 'x'], 400, 'BAD_REQUEST')
test('a length that is no number', refused, [...POST, 'Content-Length: +1', '', 'x'], 400, 'BAD_REQUEST')
test('a coding after chunked', refused, [...POST, 'Transfer-Encoding: chunked, gzip', '', ''], 400, 'BAD_REQUEST')
test('another coding', refused, [...POST, 'Transfer-Encoding: gzip, chunked', '', ''], 501, 'NOT_IMPLEMENTED')
test('chunked twice', refused, [...POST, 'Transfer-Encoding: chunked, chunked', '', ''], 400, 'BAD_REQUEST')
test('a chunk size that is no number', refused, [...POST, CHUNKED, '', 'xyz', ''], 400, 'BAD_REQUEST')
test('a folded field', refused, [...POST, 'X-A: 1', ' folded', '', ''], 400, 'BAD_REQUEST')
test('a space before the colon', refused, [...POST, 'Content-Length : 3', '', 'abc'], 400, 'BAD_REQUEST')
test('no Host', refused, ['GET / HTTP/1.1', '', ''], 400, 'BAD_REQUEST')
test('a Host that is none', refused, ['GET / HTTP/1.1', 'Host: a";for=b', '', ''], 400, 'BAD_REQUEST')
test('a target that is none', refused, ['GET http://[::1 HTTP/1.1', 'Host: a', '', ''], 400, 'BAD_REQUEST')
test('a target with credentials', refused, ['GET http://u:p@a/ HTTP/1.1', 'Host: a', '', ''], 400, 'BAD_REQUEST')
test('an asterisk for GET', refused, ['GET * HTTP/1.1', 'Host: a', '', ''], 400, 'BAD_REQUEST')
test('a tab in the target', refused, ['GET /a\tb HTTP/1.1', 'Host: a', '', ''], 400, 'BAD_REQUEST')
test('HTTP/2.0', refused, ['GET / HTTP/2.0', 'Host: a', '', ''], 505, 'HTTP_VERSION_NOT_SUPPORTED')
test('CONNECT', refused, ['CONNECT a:443 HTTP/1.1', 'Host: a:443', '', ''], 501, 'NOT_IMPLEMENTED')
test('another Expect', refused, ['GET / HTTP/1.1', 'Host: a', 'Expect: magic', '', ''], 417, 'EXPECTATION_FAILED')
test('too long a header', refused, ['GET / HTTP/1.1', `X: ${'x'.repeat(20_000)}`, '', ''], 431, 'HEADERS_TOO_LARGE')
test('what is not HTTP', refused, ['\u0016\u0003\u0001\u0002', '', ''], 400, 'BAD_REQUEST')

test("a body that becomes malformed is refused, and the upstream's request is aborted", async (t) => {
  const upstream = await httpServer(t, (request) => request.resume())
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send(...POST, CHUNKED, '', '1', 'x', '')
  await until(() => upstream.requests.length === 1, { what: 'the request to arrive' })
  client.send('no size', HIDDEN)
  t.regex(await client.closed, /^HTTP\/1\.1 400 [^]*BAD_REQUEST[^]*\}\n$/)
  await until(() => upstream.requests[0]?.destroyed === true, { what: 'the upstream to be told' })
  t.is(upstream.requests.length, 1)
})

test('junk behind a request under way ends the connection without a second answer', async (t) => {
  const upstream = await httpServer(t, () => 'never answers')
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.1', 'Host: a', '', '')
  await until(() => upstream.requests.length === 1, { what: 'the request to arrive' })
  client.send('junk', '', '')
  t.is(await client.closed, '')
})

test('bytes behind the last request of a connection are ignored, and that request is answered', async (t) => {
  const upstream = await httpServer(t, (request, response) => {
    setTimeout(() => response.end(`<${request.url}>`), 50)
  })
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send('GET /last HTTP/1.1', 'Host: a', 'Connection: close', '', HIDDEN)
  client.send(HIDDEN)
  t.regex(await client.closed, /^HTTP\/1\.1 200 [^]*<\/last>$/)
  t.is(upstream.requests.length, 1)
})

test("a request that becomes malformed while another is in flight is refused after the other's answer", async (t) => {
  const upstream = await httpServer(t, (request, response) => {
    setTimeout(() => response.end(`<${request.url}>`), 50)
  })
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send('GET /first HTTP/1.1', 'Host: a', '', ...POST, CHUNKED, '', 'no size', '')
  t.regex(await client.closed, /^HTTP\/1\.1 200 [^]*<\/first>HTTP\/1\.1 400 [^]*BAD_REQUEST/)
  t.is(upstream.requests.length, 1)
})

test('a header that does not come in time is refused', async (t) => {
  const { port } = await balancing(t, { a: 1 }, { CLIENT_HEADERS_TIMEOUT_MS: '100' })
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.1', 'Host: a', '')
  t.regex(await client.closed, /^HTTP\/1\.1 408 [^]*REQUEST_TIMEOUT/)
})

test('a body that does not come in time is refused', async (t) => {
  const upstream = await httpServer(t, (request) => request.resume())
  const timeouts = { CLIENT_HEADERS_TIMEOUT_MS: '100', CLIENT_REQUEST_TIMEOUT_MS: '100' }
  const { port } = await balancing(t, { a: upstream.port }, timeouts)
  const client = await rawClient(t, port)
  client.send(...POST, 'Content-Length: 5', '', 'x')
  t.regex(await client.closed, /^HTTP\/1\.1 408 [^]*REQUEST_TIMEOUT/)
})

const junk = test.macro({
  async exec(t, answer: string) {
    const upstream = await rawServer(t, (socket) => socket.end(answer, 'latin1'))
    const { url } = await balancing(t, { a: upstream.port })
    const { status, body } = await ask(url)
    t.is(status, 502)
    t.like(JSON.parse(body.toString()), { error: { code: 'BAD_GATEWAY' } })
  },
  title: (what = '') => `an upstream that answers with ${what} is a bad gateway`,
})

test('what is not HTTP', junk, 'hello\r\n\r\n')
test('nothing', junk, '')
test('half a header', junk, 'HTTP/1.1 200 OK\r\nContent-')
test('status 000', junk, 'HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n')
test('a reason that can not be passed on', junk, 'HTTP/1.1 200 O\u0001K\r\nContent-Length: 0\r\n\r\n')
test('a length and chunks', junk, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
test('101 unasked', junk, 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
test('101 without an upgrade', junk, 'HTTP/1.1 101 Switching Protocols\r\n\r\n')
