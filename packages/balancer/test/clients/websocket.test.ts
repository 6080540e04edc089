/** Upgrades go the way of every other request, and no order of resets crashes the balancer or leaves a socket behind. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { freePort } from '../fixtures/processes.ts'
import { rawClient, rawServer } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
const UPGRADE = ['GET /ws HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', KEY, '', '']
const SWITCHING =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Protocol: 1\r\n\r\n'

interface Upgrading {
  readonly port: number
  readonly upgrades: { readonly request: IncomingMessage; readonly socket: Duplex }[]
}

/** An upstream that does with an upgrade what the test likes. */
async function upgrading(t: ExecutionContext, serve: (socket: Duplex) => void): Promise<Upgrading> {
  const upgrades: Upgrading['upgrades'] = []
  const { port, server } = await httpServer(t, (_request, response) => response.end('plain'))
  server.on('upgrade', (request, socket) => {
    upgrades.push({ request, socket })
    socket.on('error', () => socket.destroy())
    t.teardown(() => socket.destroy())
    serve(socket)
  })
  return { port, upgrades }
}

function echo(socket: Duplex): void {
  socket.write(SWITCHING)
  socket.pipe(socket)
}

/** Whether the only upstream has nothing to do for the balancer. */
async function isFree(adminUrl: string): Promise<boolean> {
  return (await ask(`${adminUrl}/upstreams`)).body.includes('"inFlight":0,"tunnels":0')
}

test('data passes both ways, with the bytes that came behind the handshakes', async (t) => {
  const upstream = await upgrading(t, (socket) => {
    socket.write(`${SWITCHING}early `)
    socket.pipe(socket)
  })
  const { port, adminUrl } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send(...UPGRADE)
  client.send('from the client ')
  await client.receives(/^HTTP\/1\.1 101 Switching Protocols\r\n[^]*\r\n\r\nearly from the client $/)
  t.regex(client.text(), /\r\nX-Protocol: 1\r\n/)
  t.regex(client.text(), /\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/)
  client.send('more')
  await client.receives(/more$/)
  const { headers } = upstream.upgrades[0]?.request ?? {}
  t.is(headers?.['sec-websocket-key'], 'dGhlIHNhbXBsZSBub25jZQ==')
  t.is(headers?.['x-forwarded-for'], '127.0.0.1')
  t.regex((await ask(`${adminUrl}/upstreams`)).body.toString(), /"inFlight":0,"tunnels":1/)
  client.socket.end()
  await client.closed
  await until(() => isFree(adminUrl), { what: 'the tunnel to be gone' })
})

test('an upgrade skips an upstream that does not listen', async (t) => {
  const upstream = await upgrading(t, echo)
  const { port } = await balancing(t, { a: await freePort(), b: upstream.port, c: await freePort() })
  for (let count = 0; count < 3; count += 1) {
    const client = await rawClient(t, port)
    client.send(...UPGRADE)
    client.send('hello')
    await client.receives(/ 101 [^]*hello$/)
  }
  t.is(upstream.upgrades.length, 3)
})

test("the client gets an upstream's refusal of the upgrade, and a 503 where no upstream listens", async (t) => {
  const upstream = await rawServer(t, (socket) => {
    socket.write('HTTP/1.1 426 Upgrade Required\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n')
  })
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send(...UPGRADE)
  t.regex(await client.closed, /^HTTP\/1\.1 426 [^]*Connection: close[^]*\r\n\r\n3\r\nno!\r\n0\r\n\r\n$/)
  const empty = await balancing(t, { a: await freePort() })
  const unheard = await rawClient(t, empty.port)
  unheard.send(...UPGRADE)
  t.regex(await unheard.closed, /^HTTP\/1\.1 503 [^]*UNAVAILABLE/)
})

test('an answer other than 101 arrives whole, however long it is and however slowly it is read', async (t) => {
  const bytes = 5_000_000
  const upstream = await upgrading(t, (socket) => {
    socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`)
  })
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.socket.pause()
  client.send(...UPGRADE)
  await until(() => upstream.upgrades.length === 1, { what: 'the upgrade' })
  client.socket.resume()
  const answer = await client.closed
  t.is(answer.length - answer.indexOf('\r\n\r\n'), bytes + 4)
})

test('an upstream that breaks before the 101, or switches to something else, is a bad gateway', async (t) => {
  const answers = ['', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n']
  for (const answer of answers) {
    const upstream = await rawServer(t, (socket) => void socket.end(answer))
    const { port } = await balancing(t, { a: upstream.port })
    const client = await rawClient(t, port)
    client.send(...UPGRADE)
    t.regex(await client.closed, /^HTTP\/1\.1 502 /)
  }
})

const clientGoes = test.macro({
  async exec(t, serve: (socket: Duplex) => void, go: (socket: Socket) => void) {
    const upstream = await upgrading(t, serve)
    const { port } = await balancing(t, { a: upstream.port }, { CLIENT_HALF_CLOSED_MS: '100' })
    const client = await rawClient(t, port)
    client.send(...UPGRADE)
    await until(() => upstream.upgrades.length === 1, { what: 'the upgrade to arrive' })
    if (serve === echo) await client.receives(/ 101 /)
    go(client.socket)
    await until(() => upstream.upgrades[0]?.socket.destroyed === true, { what: 'the upstream socket to be closed' })
    t.pass()
  },
  title: (what = '') => `a client that goes closes the upstream's socket: ${what}`,
})

const silent = (socket: Duplex) => void socket.resume().on('end', () => socket.end())
test('by a reset before the 101', clientGoes, silent, (socket) => socket.resetAndDestroy())
test('by closing before the 101', clientGoes, silent, (socket) => socket.destroy())
test('by a reset after the 101', clientGoes, echo, (socket) => socket.resetAndDestroy())
test('by closing after the 101', clientGoes, echo, (socket) => socket.destroy())

const upstreamGoes = test.macro({
  async exec(t, go: (socket: Socket) => void) {
    const upstream = await upgrading(t, echo)
    const { port } = await balancing(t, { a: upstream.port })
    const client = await rawClient(t, port)
    client.send(...UPGRADE)
    await client.receives(/ 101 /)
    go(upstream.upgrades[0]?.socket as Socket)
    await client.closed
    t.pass()
  },
  title: (what = '') => `an upstream that goes closes the client's socket: ${what}`,
})

test('by a reset', upstreamGoes, (socket) => socket.resetAndDestroy())
test('by closing', upstreamGoes, (socket) => socket.end())

test('a side that never closes is cut after the other has closed', async (t) => {
  const upstream = await upgrading(t, (socket) => void socket.resume().write(SWITCHING))
  const { port, adminUrl } = await balancing(t, { a: upstream.port }, { CLIENT_HALF_CLOSED_MS: '100' })
  const client = await rawClient(t, port)
  client.send(...UPGRADE)
  await client.receives(/ 101 /)
  client.socket.end()
  await client.closed
  await until(() => isFree(adminUrl), { what: 'the tunnel to be gone' })
  t.pass()
})

test('hundreds of resets at every moment leave no socket behind', async (t) => {
  const upstream = await upgrading(t, (socket) => setTimeout(() => socket.writable && echo(socket), 5))
  const { port, adminUrl } = await balancing(t, { a: upstream.port })
  const clients = Array.from({ length: 300 }, async (_, index) => {
    const client = await rawClient(t, port)
    client.send(...UPGRADE)
    const closed = once(client.socket, 'close')
    setTimeout(() => (index % 2 === 0 ? client.socket.resetAndDestroy() : client.socket.destroy()), index % 12)
    await closed
  })
  await Promise.all(clients)
  await until(() => isFree(adminUrl), { what: 'nothing to be left' })
  await until(() => upstream.upgrades.every(({ socket }) => socket.destroyed), { what: 'all sockets to be closed' })
  t.pass()
})

const notAnUpgrade = test.macro({
  async exec(t, lines: readonly string[]) {
    const upstream = await upgrading(t, echo)
    const { port } = await balancing(t, { a: upstream.port })
    const client = await rawClient(t, port)
    client.send(...lines)
    t.regex(await client.closed, /^HTTP\/1\.1 200 [^]*plain$/)
    t.is(upstream.upgrades.length, 0)
  },
  title: (what = '') => `an ordinary request: ${what}`,
})

const WISH = ['Host: a', 'Connection: Upgrade, close', 'Upgrade: websocket']
test('an upgrade with a body', notAnUpgrade, ['GET / HTTP/1.1', ...WISH, 'Content-Length: 2', '', 'hi'])
test('an upgrade by POST', notAnUpgrade, ['POST / HTTP/1.1', ...WISH, '', ''])
test('an upgrade in HTTP/1.0', notAnUpgrade, ['GET / HTTP/1.0', ...WISH, '', ''])
test('an upgrade to HTTP/2', notAnUpgrade, [
  'GET / HTTP/1.1',
  'Host: a',
  'Connection: Upgrade, close',
  'Upgrade: h2c',
  '',
  '',
])

test('an upgrade behind an unanswered request is passed as a plain request, so that answers keep their order', async (t) => {
  const upstream = await upgrading(t, echo)
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.1', 'Host: a', '', ...UPGRADE)
  await client.receives(/^HTTP\/1\.1 200 [^]*plainHTTP\/1\.1 200 [^]*plain$/)
  t.is(upstream.upgrades.length, 0)
})

test('a request and an upgrade behind a refused request with a body are ignored', async (t) => {
  const upstream = await upgrading(t, echo)
  const { port, adminUrl } = await balancing(t, { a: upstream.port })
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => client.destroy())
  client.on('error', () => 'a reset is one way to be closed')
  let received = ''
  client.on('data', (chunk) => (received += chunk.toString('latin1')))
  const ended = once(client, 'end')
  client.write(['POST / HTTP/1.1', 'Host: a', 'Host: b', 'Content-Length: 2', '', 'hi'].join('\r\n'))
  await ended
  t.regex(received, /^HTTP\/1\.1 400 /)
  const closed = once(client, 'close')
  client.end(['GET / HTTP/1.1', 'Host: a', '', ...UPGRADE].join('\r\n'))
  await closed
  t.is(upstream.upgrades.length, 0)
  await until(() => isFree(adminUrl), { what: 'nothing to be left' })
})

test('an upgrade in one read with the chunk that is too much, behind an answer that has begun, is ignored', async (t) => {
  const upgrades: unknown[] = []
  const { port: upstreamPort, server } = await httpServer(t, (_request, response) => {
    response.writeHead(200, { 'Content-Length': '100' })
    response.write('begun')
  })
  server.on('upgrade', (request, socket) => {
    upgrades.push(request)
    socket.destroy()
  })
  const { port, adminUrl } = await balancing(t, { a: upstreamPort }, { CLIENT_BODY_BYTES_MAX: '10' })
  const client = await rawClient(t, port)
  client.send('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', '', '5', 'hello', '')
  await client.receives(/begun$/)
  client.send('10', 'x'.repeat(16), '0', '', ...UPGRADE)
  await client.closed
  t.is(upgrades.length, 0)
  await until(() => isFree(adminUrl), { what: 'nothing to be left' })
})
