/** Whether a node wants a body, and that it may answer without it: `Expect: 100-continue`, and a header that comes before its body. */
import type { Socket } from 'node:net'
import { request as open } from 'node:http'
import { buffer } from 'node:stream/consumers'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { answerTo } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import type { HttpServer } from '../fixtures/nodes/http-server.ts'
import { freePort } from '../fixtures/processes.ts'
import { rawClient, rawServer } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

const HEAD = ['POST /up HTTP/1.1', 'Host: a', 'Content-Length: 5']
const EXPECTING = [...HEAD, 'Expect: 100-continue', '', '']
/** The request itself finds out what fails, and nothing goes on for lack of a word. */
const PATIENT = { PROBE_INTERVAL_MS: '60000', SUSPECT_MS: '60000', CONTINUE_WAIT_MS: '60000' }
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const REFUSED = 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno'

/** Answers when the header is there, and when all of it is. */
function atHeader(t: ExecutionContext, answer: (socket: Socket) => void) {
  return rawServer(t, (socket, received) => {
    if (received.endsWith('\r\n\r\n')) answer(socket)
    else if (received.endsWith('hello')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone')
  })
}

/** Wants every body, and says so. */
function echoing(t: ExecutionContext): Promise<HttpServer> {
  return httpServer(t, (request, response) => {
    const echoed = buffer(request).then((body) => response.end(body))
    echoed.catch(() => 'the test was over before the body came')
  })
}

test("a node's refusal comes before the body, which is neither asked for nor read", async (t) => {
  const upstream = await atHeader(t, (socket) => void socket.write(REFUSED))
  const { port } = await balancing(t, { a: upstream.port }, PATIENT)
  const client = await rawClient(t, port)
  client.send(...EXPECTING)
  const answer = await client.closed
  t.regex(answer, /^HTTP\/1\.1 401 [^]*\r\nConnection: close\r\n[^]*no$/)
  t.regex(upstream.received(), /\r\nExpect: 100-continue\r\n/i)
  await until(() => upstream.connections[0]?.destroyed === true, {
    what: 'the connection without a body to be given up',
  })
})

test("the client's 100 is the node's, and comes once", async (t) => {
  const upstream = await atHeader(t, () => 'says nothing yet')
  const { port } = await balancing(t, { a: upstream.port }, PATIENT)
  const client = await rawClient(t, port)
  client.send(...EXPECTING)
  await until(() => upstream.received().endsWith('\r\n\r\n'), { what: 'the header' })
  t.is(client.text(), '')
  upstream.connections[0]?.write(CONTINUE + CONTINUE)
  await client.receives(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
  client.send('hello')
  await client.receives(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [^]*done$/)
  client.send('GET /next HTTP/1.1', 'Host: a', '', '')
  await until(() => upstream.received(0).includes('/next') || upstream.received(1).includes('/next'), {
    what: 'the next',
  })
})

test('a node that never says 100 gets the body after a while', async (t) => {
  const upstream = await atHeader(t, () => 'says nothing')
  const { port } = await balancing(t, { a: upstream.port }, { ...PATIENT, CONTINUE_WAIT_MS: '50' })
  const client = await rawClient(t, port)
  client.send(...EXPECTING)
  await client.receives(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
  client.send('hello')
  await client.receives(/ 200 [^]*done$/)
  t.pass()
})

test("a body that comes before the 100 waits for the node's answer", async (t) => {
  const upstream = await atHeader(t, () => 'says nothing yet')
  const { port } = await balancing(t, { a: upstream.port }, PATIENT)
  const client = await rawClient(t, port)
  client.send(...EXPECTING)
  client.send('hello')
  await until(() => upstream.received().endsWith('\r\n\r\n'), { what: 'the header' })
  upstream.connections[0]?.write(REFUSED)
  t.regex(await client.closed, /^HTTP\/1\.1 401 [^]*no$/)
  t.false(upstream.received().includes('hello'))
})

test('an expectation without a body, or of HTTP/1.0, is none', async (t) => {
  const upstream = await echoing(t)
  const { port } = await balancing(t, { a: upstream.port }, PATIENT)
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.1', 'Host: a', 'Expect: 100-continue', '', '')
  await client.receives(/ 200 /)
  const old = await rawClient(t, port)
  old.send('POST / HTTP/1.0', 'Content-Length: 5', 'Expect: 100-continue', '', 'hello')
  t.regex(await old.closed, /^HTTP\/1\.1 200 [^]*hello$/)
  t.deepEqual(
    upstream.requests.map(({ headers }) => headers.expect),
    [undefined, undefined],
  )
})

for (const [what, fail] of Object.entries<(socket: Socket) => void>({
  breaks: (socket) => void socket.resetAndDestroy(),
  declines: (socket) => void socket.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'),
  'says 100 and breaks': (socket) => void socket.write(CONTINUE, () => socket.destroy()),
})) {
  test(`where the first node ${what}, the next one is asked, and gets all of the body`, async (t) => {
    const [first, next] = await Promise.all([atHeader(t, fail), echoing(t)])
    const { port } = await balancing(t, { a: first.port, b: next.port, c: await freePort() }, PATIENT)
    for (let count = 0; count < 3; count += 1) {
      const client = await rawClient(t, port)
      client.send(...HEAD, 'Idempotency-Key: own', 'Expect: 100-continue', '', '')
      await client.receives(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
      client.send('hello')
      await client.receives(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [^]*hello$/)
    }
    t.true(first.connections.length > 0)
  })
}

test('without a key it is not sent to another node once it was sent: a node may act on a header', async (t) => {
  const upstream = await atHeader(t, (socket) => void socket.resetAndDestroy())
  const { port } = await balancing(t, { a: upstream.port, b: (await echoing(t)).port }, PATIENT)
  const clients = await Promise.all([rawClient(t, port), rawClient(t, port)])
  for (const client of clients) client.send(...EXPECTING)
  await Promise.all(clients.map((client) => client.receives(/^HTTP\/1\.1 (?:100|502) /)))
  t.deepEqual(clients.map((client) => client.text().slice(9, 12)).toSorted(), ['100', '502'])
})

test('without a node a client that asks is spared the upload', async (t) => {
  const { port } = await balancing(t, { a: await freePort() }, { WAIT_MS: '50' })
  const client = await rawClient(t, port)
  client.send(...EXPECTING)
  t.regex(await client.closed, /^HTTP\/1\.1 503 [^]*Connection: close/)
})

test('a node that says nothing at all is a 504, and not the fault of a client that was not asked for its body', async (t) => {
  const upstream = await atHeader(t, () => 'says nothing')
  const { port } = await balancing(t, { a: upstream.port }, { ...PATIENT, ATTEMPT_TIMEOUT_MS: '100' })
  const client = await rawClient(t, port)
  client.send(...EXPECTING)
  t.regex(await client.closed, /^HTTP\/1\.1 504 /)
})

test('the header of an upload is at the node before the body begins, and so is its answer at the client', async (t) => {
  const upstream = await atHeader(t, (socket) => void socket.write(REFUSED))
  const { port, url } = await balancing(t, { a: upstream.port }, PATIENT)
  const client = await rawClient(t, port)
  client.send(...HEAD, '', '')
  await client.receives(/^HTTP\/1\.1 401 [^]*no$/)
  const chunked = open(url, { method: 'PUT', agent: false, headers: { 'transfer-encoding': 'chunked' } })
  chunked.flushHeaders()
  t.is((await answerTo(chunked)).status, 401)
  chunked.destroy()
})
