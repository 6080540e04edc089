/** What passes through: the request as the upstream sees it, the answer as the client does. */
import { randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Agent, request as open } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { answerTo, ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { freePort } from '../fixtures/processes.ts'
import { rawClient, rawServer } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

const MEGABYTE = 1_048_576

test('a body of any size goes there and back unchanged, with a length or in chunks', async (t) => {
  const upstream = await httpServer(t, (request, response) => request.pipe(response))
  const { url } = await balancing(t, { a: upstream.port })
  const body = randomBytes(5 * MEGABYTE)
  const long = await ask(url, { method: 'POST', body, headers: { 'content-length': body.length } })
  t.true(long.body.equals(body))
  t.is(upstream.requests[0]?.headers['content-length'], String(body.length))
  const chunked = open(url, { method: 'PUT', agent: false, headers: { 'transfer-encoding': 'chunked' } })
  const answer = answerTo(chunked)
  for (let start = 0; start < body.length; start += MEGABYTE) chunked.write(body.subarray(start, start + MEGABYTE))
  chunked.end()
  t.true((await answer).body.equals(body))
  t.is(upstream.requests[1]?.headers['transfer-encoding'], 'chunked')
})

test('a request without a body has none at the upstream, and no made-up length', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end('ok'))
  const { url } = await balancing(t, { a: upstream.port })
  for (const method of ['GET', 'DELETE', 'OPTIONS', 'POST']) {
    t.is((await ask(url, { method })).body.toString(), 'ok')
  }
  const lengths = upstream.requests.map(({ headers }) => headers['content-length'] ?? headers['transfer-encoding'])
  t.deepEqual(lengths, [undefined, undefined, undefined, '0'])
})

test("the path is the client's to the last byte", async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end())
  const { port } = await balancing(t, { a: upstream.port })
  const paths = ['//a///b/../c;d=\\e?x=//y&z=http://q', '/%2e%2E/', '/|{}"<>^`', '/?', '/a?b#c']
  for (const path of paths) {
    const client = await rawClient(t, port)
    client.send(`GET ${path} HTTP/1.1`, 'Host: shop.example', 'Connection: close', '', '')
    t.regex(await client.closed, /^HTTP\/1\.1 200 /)
  }
  const client = await rawClient(t, port)
  client.send('OPTIONS * HTTP/1.1', 'Host: shop.example', 'Connection: close', '', '')
  t.regex(await client.closed, /^HTTP\/1\.1 200 /)
  t.deepEqual(
    upstream.requests.map(({ url }) => url),
    [...paths, '*'],
  )
})

test('the absolute form names path and host', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end())
  const { port } = await balancing(t, { a: upstream.port })
  for (const target of ['http://shop.example:81/cart?x=1', 'HTTP://shop.example:81?x=1', 'http://shop.example:81']) {
    const client = await rawClient(t, port)
    client.send(`GET ${target} HTTP/1.1`, 'Host: other.example', 'Connection: close', '', '')
    t.regex(await client.closed, /^HTTP\/1\.1 200 /)
  }
  t.deepEqual(
    upstream.requests.map(({ url, headers }) => [headers.host, url, headers['x-forwarded-host']]),
    ['/cart?x=1', '/?x=1', '/'].map((path) => ['shop.example:81', path, 'shop.example:81']),
  )
})

test('hop-by-hop fields and spoofed ones do not reach the upstream, but for what is asked of it anew', async (t) => {
  const upstream = await httpServer(t, (request, response) => request.resume().on('end', () => response.end()))
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send(
    'POST / HTTP/1.1',
    'Host: shop.example',
    'Content-Length: 2',
    'Connection: close, X-Internal',
    'X-Internal: 1',
    'TE: trailers',
    'Keep-Alive: timeout=9',
    'Proxy-Authorization: Basic eA==',
    'Expect: 100-continue',
    'X-Forwarded-For: 127.0.0.2',
    'X-Forwarded-Host: evil.example',
    'Forwarded: for=evil',
    'X-Request-Id: evil',
    'X-Kept: 1',
    '',
    'hi',
  )
  const answer = await client.closed
  const headers = { ...upstream.requests[0]?.headers }
  const requestId = headers['x-request-id']
  t.regex(String(requestId), /^[\da-f-]{36}$/)
  t.true(answer.includes(`X-Request-Id: ${String(requestId)}\r\n`))
  t.deepEqual(headers, {
    host: 'shop.example',
    'content-length': '2',
    connection: 'TE',
    te: 'trailers',
    expect: '100-continue',
    'x-kept': '1',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'shop.example',
    'x-forwarded-proto': 'http',
    forwarded: 'for=127.0.0.1;host="shop.example";proto=http',
    'x-request-id': requestId,
  })
})

test('hop-by-hop fields of an answer do not reach the client, and its own connection is its own', async (t) => {
  const { port: upstreamPort } = await rawServer(t, (socket) => {
    const fields = 'Connection: close, X-Internal\r\nX-Internal: 1\r\nKeep-Alive: timeout=1\r\nX-Kept: 1\r\n'
    socket.end(`HTTP/1.1 200 OK\r\n${fields}Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nhi`)
  })
  const { url } = await balancing(t, { a: upstreamPort })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const { headers, body } = await ask(url, { agent })
  t.is(body.toString(), 'hi')
  t.is(headers.connection, 'keep-alive')
  t.is(headers['x-internal'], undefined)
  t.is(headers['x-kept'], '1')
  t.deepEqual(headers['set-cookie'], ['a=1', 'b=2'])
})

test('answers without a body keep their header', async (t) => {
  const upstream = await httpServer(t, (request, response) => {
    const status = Number(request.headers['x-status'])
    response.writeHead(status, status === 200 ? { 'content-length': 1_234 } : { etag: '"1"' }).end()
  })
  const { url } = await balancing(t, { a: upstream.port })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const head = await ask(url, { method: 'HEAD', agent, headers: { 'x-status': '200' } })
  t.is(head.headers['content-length'], '1234')
  for (const status of [204, 304]) {
    const answer = await ask(url, { agent, headers: { 'x-status': String(status) } })
    t.like(answer, { status, body: Buffer.alloc(0) })
    t.is(answer.headers.etag, '"1"')
  }
})

test('a 304 with a length has no body, and the next answer is read as it is', async (t) => {
  const notModified = 'HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n'
  const upstream = await rawServer(t, (socket) => void socket.write(notModified))
  const { url } = await balancing(t, { a: upstream.port })
  for (let asked = 1; asked <= 3; asked += 1) {
    const { status, headers, body } = await ask(url)
    t.deepEqual([status, headers['content-length'], body.length], [304, '10', 0])
  }
})

test('an HTTP/1.0 client gets an answer that ends with its connection', async (t) => {
  const upstream = await httpServer(t, (_request, response) => {
    response.write('one ')
    response.end('two')
  })
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.0', '', '')
  const [head, body] = (await client.closed).split('\r\n\r\n')
  t.notRegex(head ?? '', /transfer-encoding/i)
  t.is(body, 'one two')
  t.is(upstream.requests[0]?.headers.host, `127.0.0.1:${upstream.port}`)
  t.is(upstream.requests[0]?.headers['x-forwarded-host'], undefined)
})

test('the header of a stream comes before its first chunk', async (t) => {
  const upstream = await httpServer(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  })
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.1', 'Host: a', '', '')
  await client.receives(/text\/event-stream/)
  t.pass()
})

test('a client that closes its connections does not close those to the upstream', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end())
  const { url } = await balancing(t, { a: upstream.port })
  for (let count = 0; count < 5; count += 1) await ask(url, { headers: { connection: 'close' } })
  t.is(new Set(upstream.requests.map(({ socket }) => socket.remotePort)).size, 1)
})

test('requests wait for a connection when all are in use', async (t) => {
  const upstream = await httpServer(t, (request, response) => {
    setTimeout(() => void buffer(request).then((body) => response.end(body)), 20)
  })
  const { url } = await balancing(t, { a: upstream.port }, { UPSTREAM_SOCKETS_MAX: '1' })
  const bodies = ['one', 'two', 'three', 'four']
  const answers = await Promise.all(bodies.map((body) => ask(url, { method: 'POST', body })))
  t.deepEqual(
    answers.map(({ body }) => body.toString()),
    bodies,
  )
  t.is(new Set(upstream.requests.map(({ socket }) => socket.remotePort)).size, 1)
})

test('more requests than an upstream may have are refused, and the place of one that left is free again', async (t) => {
  const upstream = await httpServer(t, () => 'never answers')
  const { url } = await balancing(t, { a: upstream.port }, { UPSTREAM_IN_FLIGHT_MAX: '2', UPSTREAM_SOCKETS_MAX: '1' })
  const waiting = [open(url, { agent: false }), open(url, { agent: false })]
  for (const request of waiting) request.on('error', () => 'ends with the test').end()
  await until(() => upstream.requests.length === 1, { what: 'the first request to arrive' })
  const refused = await ask(url)
  t.is(refused.status, 503)
  t.is(refused.headers['retry-after'], '1')
  for (const request of waiting) request.destroy()
  upstream.server.on('request', (_request, response) => response.end())
  await until(async () => (await ask(url)).status === 200, { what: 'room' })
})

test('without an upstream a client that waits for 100 Continue is spared the upload', async (t) => {
  const { port } = await balancing(t, { a: await freePort() })
  const client = await rawClient(t, port)
  client.send('POST / HTTP/1.1', 'Host: a', 'Expect: 100-continue', 'Content-Length: 2', '', '')
  t.regex(await client.closed, /^HTTP\/1\.1 503 [^]*Connection: close/)
})

test('an answer that does not wait for the upload arrives, and the next request is understood', async (t) => {
  const upstream = await httpServer(t, (request, response) => {
    response.writeHead(request.method === 'POST' ? 413 : 200, { connection: 'keep-alive' }).end('done')
  })
  upstream.server.keepAliveTimeout = 0
  const { url, adminUrl } = await balancing(t, { a: upstream.port })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const upload = await ask(url, { agent, method: 'POST', body: Buffer.alloc(5 * MEGABYTE) })
  t.is(upload.status, 413)
  const next = await ask(url, { agent })
  t.is(next.status, 200)
  const free = async () => (await ask(`${adminUrl}/upstreams`)).body.includes('"inFlight":0')
  await until(free, { what: 'the connection with half an upload to be given up' })
})

test('pipelined requests are answered in their order', async (t) => {
  const upstream = await httpServer(t, (request, response) => {
    setTimeout(() => response.end(`<${request.url}>`), request.url === '/1' ? 50 : 0)
  })
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  for (const path of [1, 2, 3]) client.send(`GET /${path} HTTP/1.1`, 'Host: a', '', '')
  await client.receives(/<\/1>[^]*<\/2>[^]*<\/3>/)
  t.pass()
})

test('a pipelined request begins when the one before it is over, for it may be meant to see what that has done', async (t) => {
  const seen: string[] = []
  const upstream = await httpServer(t, (request, response) => {
    seen.push(`begins ${request.url}`)
    setTimeout(() => {
      seen.push(`ends ${request.url}`)
      response.end()
    }, 20)
  })
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  const requests = ['/1', '/2', '/3'].map((path) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx`)
  client.send(requests.join(''))
  await until(() => seen.length === 6, { what: 'all to be over' })
  t.deepEqual(
    seen,
    ['/1', '/2', '/3'].flatMap((path) => [`begins ${path}`, `ends ${path}`]),
  )
})

/** Calls `read` for each request that a server on this port has read. */
function onRequestRead(t: ExecutionContext, port: number, read: () => void): void {
  const look = (message: unknown): void => {
    if ((message as { readonly socket: Socket }).socket.localPort === port) read()
  }
  subscribe('http.server.request.start', look)
  t.teardown(() => unsubscribe('http.server.request.start', look))
}

/** A node that answers each request with its path, but the first only when the test says so. */
async function holdingFirst(t: ExecutionContext) {
  const first = Promise.withResolvers<ServerResponse>()
  const upstream = await httpServer(t, (request, response) => {
    if (request.url === '/0') first.resolve(response)
    else response.end(request.url)
  })
  return { ...upstream, first: first.promise }
}

/** Requests of 8 kB, so that a chunk of 64 KiB brings eight. */
function pipeline(paths: readonly string[]): string {
  const pad = 'x'.repeat(8_000)
  return paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nX-Pad: ${pad}\r\n\r\n`).join('')
}

function pathsTo(last: number): string[] {
  return Array.from({ length: last + 1 }, (_, index) => `/${index}`)
}

test('a long pipeline is read only as far as its requests may wait', async (t) => {
  const { port: nodePort, requests, first } = await holdingFirst(t)
  const { port } = await balancing(t, { a: nodePort }, { CLIENT_PIPELINE_MAX: '4' })
  let read = 0
  let waitingMost = 0
  onRequestRead(t, port, () => {
    read += 1
    waitingMost = Math.max(waitingMost, read - requests.length)
  })
  const paths = pathsTo(499)
  const client = await rawClient(t, port)
  client.send(pipeline(paths))
  const held = await first
  // Long enough for all of them to be read.
  await delay(500)
  held.end('/0')
  await client.receives(/\r\n\r\n\/499$/)
  t.deepEqual(
    requests.map(({ url }) => url),
    paths,
  )
  t.is(read, paths.length)
  t.true(waitingMost < 40, `${waitingMost} waited`)
})

test('a header that a long pipeline keeps from being read is not late', async (t) => {
  const { port: nodePort, first } = await holdingFirst(t)
  const timeouts = { CLIENT_PIPELINE_MAX: '1', CLIENT_HEADERS_TIMEOUT_MS: '1000' }
  const { port } = await balancing(t, { a: nodePort }, timeouts)
  const client = await rawClient(t, port)
  client.send(pipeline(pathsTo(49)))
  const held = await first
  await delay(2_500)
  held.end('/0')
  await client.receives(/\r\n\r\n\/49$/)
  t.pass()
})

test('a header that ends half is late once it is read, however long a pipeline kept it from being read', async (t) => {
  const { port: nodePort, first } = await holdingFirst(t)
  const timeouts = { CLIENT_PIPELINE_MAX: '1', CLIENT_HEADERS_TIMEOUT_MS: '1000' }
  const { port } = await balancing(t, { a: nodePort }, timeouts)
  const client = await rawClient(t, port)
  client.send('GET /0 HTTP/1.1', 'Host: a', '', 'GET /1 HTTP/1.1', 'Host: a', '', 'GET /2 HTTP/1.1', 'Host:')
  const held = await first
  await delay(2_500)
  held.end('/0')
  t.regex(await client.closed, /\r\n\r\n\/0HTTP\/1\.1 200 [^]*\r\n\r\n\/1HTTP\/1\.1 408 /)
})

test('a pipeline that was not read is read when the last answer of its connection goes out, so that no reset overtakes it', async (t) => {
  const { port: nodePort, requests, first } = await holdingFirst(t)
  const { port } = await balancing(t, { a: nodePort }, { CLIENT_PIPELINE_MAX: '1' })
  let read = 0
  onRequestRead(t, port, () => (read += 1))
  const client = await rawClient(t, port)
  // A GET with a body is the last request of its connection.
  client.send('GET /0 HTTP/1.1', 'Host: a', 'Content-Length: 2', '', `hi${pipeline(pathsTo(199))}`)
  const held = await first
  held.end('/0')
  await until(() => read === 201, { what: 'the pipeline to be read' })
  t.regex(await client.closed, /^HTTP\/1\.1 200 [^]*\r\n\r\n\/0$/)
  t.is(requests.length, 1)
})

test('a refusal is not lost to a reset by the pipeline behind it', async (t) => {
  const { port: nodePort, requests, first } = await holdingFirst(t)
  const { port } = await balancing(t, { a: nodePort }, { CLIENT_PIPELINE_MAX: '1' })
  const client = await rawClient(t, port)
  client.send('GET /0 HTTP/1.1', 'Host: a', '', 'GET /1 HTTP/1.1', '', pipeline(pathsTo(199)))
  const held = await first
  held.end('/0')
  t.regex(await client.closed, /\r\n\r\n\/0HTTP\/1\.1 400 /)
  t.is(requests.length, 1)
})
