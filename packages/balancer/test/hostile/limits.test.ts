/** What a client may take: bytes, fields, time and connections. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { connectionLimits } from '../../src/clients/connection-limits.ts'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import type { HttpServer } from '../fixtures/nodes/http-server.ts'
import { rawClient } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

function counting(t: ExecutionContext): Promise<HttpServer> {
  return httpServer(t, (request, response) => {
    let bytes = 0
    request.on('data', (piece: Buffer) => (bytes += piece.length))
    request.on('end', () => response.end(`<${bytes}>`))
  })
}

const LIMIT = { CLIENT_BODY_BYTES_MAX: '100000' }
const POST = ['POST / HTTP/1.1', 'Host: a']
const TOO_LARGE = /^HTTP\/1\.1 413 [^]*\r\nConnection: close\r\n[^]*BODY_TOO_LARGE/

function chunks(...sizes: readonly number[]): string {
  return sizes.map((size) => `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`).join('')
}

test('a body whose length is above the bound reaches no node, and its client gets the answer', async (t) => {
  const upstream = await counting(t)
  const { port } = await balancing(t, { a: upstream.port }, LIMIT)
  const client = await rawClient(t, port)
  // More than any socket buffers: a connection that is closed before all of it came is reset, and the answer with it.
  const length = 20_000_000
  client.send(...POST, `Content-Length: ${length}`, '', 'x'.repeat(length))
  t.regex(await client.closed, TOO_LARGE)
  t.is(upstream.requests.length, 0)
})

test('a client that is refused in the middle of an upload gets the answer, whatever the reason', async (t) => {
  const upstream = await counting(t)
  const { port } = await balancing(t, { a: upstream.port })
  const length = 20_000_000
  for (const [fault, status] of [
    ['Host: b', 400],
    ['Host: a/b', 400],
    ['Expect: magic', 417],
  ] as const) {
    const client = await rawClient(t, port)
    const host = fault.startsWith('Host: a/') ? [] : ['Host: a']
    client.send('POST / HTTP/1.1', ...host, fault, `Content-Length: ${length}`, '', 'x'.repeat(length))
    t.regex(await client.closed, new RegExp(`^HTTP/1\\.1 ${status} [^]*\\}\\n$`))
  }
  t.is(upstream.requests.length, 0)
})

test('a client that asks first is spared the upload', async (t) => {
  const upstream = await counting(t)
  const { port } = await balancing(t, { a: upstream.port }, LIMIT)
  const client = await rawClient(t, port)
  client.send(...POST, 'Content-Length: 100001', 'Expect: 100-continue', '', '')
  await client.receives(TOO_LARGE)
  t.notRegex(client.text(), / 100 /)
})

test('a body in chunks is refused when it passes the bound, and the node sees that it is not complete', async (t) => {
  const upstream = await counting(t)
  const { port } = await balancing(t, { a: upstream.port }, LIMIT)
  const client = await rawClient(t, port)
  client.send(...POST, 'Transfer-Encoding: chunked', '', chunks(50_000))
  await until(() => upstream.requests.length === 1, { what: 'the request to arrive' })
  client.send(chunks(50_000, 1, 1_000_000), '0', '', '')
  t.regex(await client.closed, TOO_LARGE)
  await until(() => upstream.requests[0]?.destroyed === true, { what: 'the node to be told' })
  t.false(upstream.requests[0]?.complete)
})

test('chunks behind an answer that has begun break it', async (t) => {
  const upstream = await httpServer(t, (request, response) => void response.write(request.url))
  const { port } = await balancing(t, { a: upstream.port }, LIMIT)
  const client = await rawClient(t, port)
  client.send(...POST, 'Transfer-Encoding: chunked', '', chunks(10))
  await client.receives(/ 200 /)
  client.send(chunks(100_000))
  t.notRegex(await client.closed, /0\r\n\r\n$| 413 /)
})

test('a body of exactly the bound passes, with a length and in chunks, and so does the next', async (t) => {
  const upstream = await counting(t)
  const { port } = await balancing(t, { a: upstream.port }, LIMIT)
  const client = await rawClient(t, port)
  client.send(...POST, 'Content-Length: 100000', '', 'x'.repeat(100_000))
  await client.receives(/<100000>$/)
  client.send(...POST, 'Transfer-Encoding: chunked', '', `${chunks(99_999, 1)}0\r\n\r\n`)
  await client.receives(/<100000>[^]*<100000>$/)
  client.send(...POST, 'Content-Length: 1', '', 'x')
  await client.receives(/<1>$/)
  t.is(upstream.requests.length, 3)
})

function fields(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `X-${index}: 1`)
}

test('too many fields are 431, and so is a field that is too long', async (t) => {
  const upstream = await counting(t)
  const { port } = await balancing(t, { a: upstream.port }, { CLIENT_HEADER_FIELDS_MAX: '10' })
  const many = await rawClient(t, port)
  many.send('GET / HTTP/1.1', 'Host: a', ...fields(10), '', '')
  t.regex(await many.closed, /^HTTP\/1\.1 431 [^]*HEADERS_TOO_LARGE/)
  const long = await rawClient(t, port)
  long.send('GET / HTTP/1.1', 'Host: a', `X: ${'x'.repeat(17_000)}`, '', '')
  t.regex(await long.closed, /^HTTP\/1\.1 431 [^]*HEADERS_TOO_LARGE/)
  const target = await rawClient(t, port)
  target.send(`GET /${'x'.repeat(17_000)} HTTP/1.1`, 'Host: a', '', '')
  t.regex(await target.closed, /^HTTP\/1\.1 431 /)
  const trailers = await rawClient(t, port)
  trailers.send(...POST, 'Transfer-Encoding: chunked', '', '0', `X: ${'x'.repeat(17_000)}`, '', '')
  t.regex(await trailers.closed, /^HTTP\/1\.1 431 /)
  const enough = await rawClient(t, port)
  enough.send('GET / HTTP/1.1', 'Host: a', ...fields(9), '', '')
  await enough.receives(/^HTTP\/1\.1 200 /)
})

test('a client that says nothing is told that its time is up', async (t) => {
  const { port } = await balancing(t, { a: 1 }, { CLIENT_HEADERS_TIMEOUT_MS: '100' })
  const client = await rawClient(t, port)
  t.regex(await client.closed, /^HTTP\/1\.1 408 [^]*REQUEST_TIMEOUT/)
})

test('a header that comes byte by byte has no more time than another', async (t) => {
  const { port } = await balancing(t, { a: 1 }, { CLIENT_HEADERS_TIMEOUT_MS: '300' })
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.1', 'Host: a', 'X-Slow: ')
  const timer = setInterval(() => client.socket.write('x'), 20)
  t.teardown(() => clearInterval(timer))
  t.regex(await client.closed, /^HTTP\/1\.1 408 /)
})

test('a body that comes byte by byte has no more time than another', async (t) => {
  const upstream = await counting(t)
  const timeouts = { CLIENT_HEADERS_TIMEOUT_MS: '300', CLIENT_REQUEST_TIMEOUT_MS: '300' }
  const { port } = await balancing(t, { a: upstream.port }, timeouts)
  const client = await rawClient(t, port)
  client.send(...POST, 'Content-Length: 1000000', '', '')
  const timer = setInterval(() => client.socket.write('x'), 20)
  t.teardown(() => clearInterval(timer))
  t.regex(await client.closed, /^HTTP\/1\.1 408 /)
})

/** From an address of this machine's own choice. */
async function open(t: ExecutionContext, port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  t.teardown(() => socket.destroy())
  socket.on('error', () => 'a refused connection may end in a reset')
  await once(socket, 'connect')
  return socket
}

async function answers(socket: Socket): Promise<boolean> {
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const [what] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [unknown]
  return Buffer.isBuffer(what)
}

test('each address may have so many connections at once, and others when those are closed', async (t) => {
  const upstream = await counting(t)
  const { port, adminUrl } = await balancing(t, { a: upstream.port }, { CLIENT_CONNECTIONS_PER_ADDRESS_MAX: '2' })
  const held = [await open(t, port), await open(t, port)]
  t.deepEqual(await Promise.all(held.map(answers)), [true, true])
  t.false(await answers(await open(t, port)))
  t.true(await answers(await open(t, port, '127.0.0.2')))
  held[0]?.destroy()
  await until(async () => answers(await open(t, port)), { what: 'room for another' })
  const metrics = (await ask(`${adminUrl}/metrics`)).body.toString()
  t.regex(metrics, /ninelives_balancer_refused_connections_total\{bound="address"\} [1-9]/)
})

test('the limit for an address does not hold for a trusted proxy', async (t) => {
  const upstream = await counting(t)
  const env = { CLIENT_CONNECTIONS_PER_ADDRESS_MAX: '1', TRUSTED_PROXIES: '127.0.0.1' }
  const { port } = await balancing(t, { a: upstream.port }, env)
  const held = await Promise.all([open(t, port), open(t, port), open(t, port)])
  t.deepEqual(await Promise.all(held.map(answers)), [true, true, true])
})

test('all clients together have a limit of connections', async (t) => {
  const upstream = await counting(t)
  const { port } = await balancing(t, { a: upstream.port }, { CLIENT_CONNECTIONS_MAX: '2' })
  const held = [await open(t, port), await open(t, port, '127.0.0.2')]
  t.deepEqual(await Promise.all(held.map(answers)), [true, true])
  t.false(await answers(await open(t, port, '127.0.0.3')))
})

test('a network of IPv6 counts as one address, however it is written', (t) => {
  const limits = connectionLimits(2)
  t.true(limits.entered('2001:db8:0:1::1'))
  t.true(limits.entered('2001:db8::1:ffff:0:0:2'))
  t.false(limits.entered('2001:db8:0:1:a:b:c:d'))
  t.true(limits.entered('2001:db8:0:2::1'))
  t.true(limits.entered('::1'))
  t.true(limits.entered('192.0.2.1'))
  limits.left('2001:db8:0:1::1')
  t.true(limits.entered('2001:0db8:0000:0001::9'))
})

test('an address without connections takes no memory', (t) => {
  const limits = connectionLimits(1)
  for (const address of ['192.0.2.1', '2001:db8::1']) {
    t.true(limits.entered(address))
    limits.left(address)
  }
  t.is(limits.addresses, 0)
})
