/** A client that leaves takes its request with it; one that only closed its sending side still gets its answer. */
import type { IncomingMessage } from 'node:http'
import test from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { freePort } from '../fixtures/processes.ts'
import { ask } from '../fixtures/requests/client.ts'
import { rawClient } from '../fixtures/requests/raw.ts'
import type { RawClient } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

const GET = ['GET / HTTP/1.1', 'Host: a', '', '']

function isOver({ socket }: IncomingMessage): boolean {
  return socket.destroyed
}

const leaves = test.macro({
  async exec(t, lines: readonly string[], leave: (client: RawClient) => void) {
    const upstream = await httpServer(t, (request) => request.resume())
    const { port } = await balancing(t, { a: upstream.port }, { CLIENT_HALF_CLOSED_MS: '100' })
    const client = await rawClient(t, port)
    client.send(...lines)
    await until(() => upstream.requests.length === 1, { what: 'the request to arrive' })
    leave(client)
    await until(() => upstream.requests[0]?.socket.destroyed === true, { what: 'the upstream to be told' })
    t.pass()
  },
  title: (what = '') => `the upstream is told that a client left: ${what}`,
})

const UPLOAD = ['POST / HTTP/1.1', 'Host: a', 'Content-Length: 100', '', 'half']
test('by a reset', leaves, GET, (client) => client.socket.resetAndDestroy())
test('by closing', leaves, GET, (client) => client.socket.destroy())
test('by a reset in the middle of an upload', leaves, UPLOAD, (client) => client.socket.resetAndDestroy())
test('by closing in the middle of an upload', leaves, UPLOAD, (client) => client.socket.destroy())

test('a client that leaves in the middle of its answer', async (t) => {
  const upstream = await httpServer(t, (_request, response) => void response.write('half'))
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send(...GET)
  await client.receives(/half/)
  client.socket.resetAndDestroy()
  await until(() => upstream.requests[0]?.socket.destroyed === true, { what: 'the upstream to be told' })
  t.pass()
})

test('a client that leaves takes every request of its pipeline with it', async (t) => {
  const upstream = await httpServer(t, () => 'never answers')
  const running = await balancing(t, { a: upstream.port }, { DRAIN_MS: '60000' })
  const client = await rawClient(t, running.port)
  client.send(...GET)
  client.send(...GET)
  client.send(...GET)
  await until(() => upstream.requests.length === 1, { what: 'the first to arrive' })
  client.socket.resetAndDestroy()
  await until(() => upstream.requests.every(isOver), { what: 'the upstream to be told' })
  t.is(upstream.requests.length, 1)
  // Were one of them still counted as under way, draining would wait for it.
  await running.close()
})

test('a client that closed its sending side gets its answer', async (t) => {
  const upstream = await httpServer(t, (request, response) => {
    setTimeout(() => request.resume().on('end', () => response.end('ok')), 50)
  })
  const { port } = await balancing(t, { a: upstream.port })
  for (const lines of [GET, ['POST / HTTP/1.1', 'Host: a', 'Content-Length: 2', '', 'hi']]) {
    const client = await rawClient(t, port)
    client.send(...lines)
    client.socket.end()
    t.regex(await client.closed, /^HTTP\/1\.1 200 [^]*ok$/)
  }
})

test('a client that closed its sending side gets all of an answer that keeps coming, however long it takes', async (t) => {
  const upstream = await httpServer(t, (_request, response) => {
    response.write('begun ')
    let left = 20
    const timer = setInterval(() => {
      left -= 1
      if (left > 0) return void response.write('on ')
      clearInterval(timer)
      response.end('ended')
    }, 50)
  })
  const { port } = await balancing(t, { a: upstream.port }, { CLIENT_HALF_CLOSED_MS: '600' })
  const client = await rawClient(t, port)
  client.send(...GET)
  await client.receives(/begun/)
  client.socket.end()
  t.regex(await client.closed, /begun [^]*ended/)
})

for (const [what, leave] of Object.entries<(client: RawClient) => void>({
  'by closing': (client) => void client.socket.destroy(),
  'by closing its sending side': (client) => void client.socket.end(),
  'by a reset': (client) => void client.socket.resetAndDestroy(),
})) {
  test(`a quiet answer frees its node soon after the client left: ${what}`, async (t) => {
    const upstream = await httpServer(t, (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: begun\n\n')
    })
    const { port } = await balancing(t, { a: upstream.port }, { CLIENT_HALF_CLOSED_MS: '200' })
    const client = await rawClient(t, port)
    client.send(...GET)
    await client.receives(/begun/)
    leave(client)
    await until(() => upstream.requests[0]?.socket.destroyed === true, { what: 'the upstream to be told' })
    t.pass()
  })
}

test('a client that reads nothing of its answer is cut in the end, and its node is not suspected', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end(Buffer.alloc(50_000_000)))
  const { port, adminUrl } = await balancing(t, { a: upstream.port }, { ANSWER_IDLE_MS: '2000' })
  const client = await rawClient(t, port)
  client.socket.pause()
  client.send(...GET)
  await until(() => upstream.requests[0]?.socket.destroyed === true, { what: 'the answer to be given up' })
  client.socket.resume()
  t.true((await client.closed).length < 50_000_000)
  const metrics = (await ask(`${adminUrl}/metrics`)).body.toString()
  t.regex(metrics, /attempts_total\{upstream="a",outcome="client-stalled"\} 1\n/)
  t.notRegex(metrics, /suspicions_total\{upstream="a"\} [1-9]/)
})

test('a client may leave in the middle of an upload that no upstream takes', async (t) => {
  const { port } = await balancing(t, { a: await freePort() })
  for (let count = 0; count < 3; count += 1) {
    const client = await rawClient(t, port)
    client.send(...UPLOAD)
    await client.receives(/ 503 /)
    client.socket.resetAndDestroy()
    await client.closed
  }
  t.pass()
})

test('a client that closed its sending side in the middle of a request is refused', async (t) => {
  const upstream = await httpServer(t, (request) => request.resume())
  const { port } = await balancing(t, { a: upstream.port })
  const client = await rawClient(t, port)
  client.send(...UPLOAD)
  await until(() => upstream.requests.length === 1, { what: 'the request to arrive' })
  client.socket.end()
  t.regex(await client.closed, /^HTTP\/1\.1 400 /)
})
