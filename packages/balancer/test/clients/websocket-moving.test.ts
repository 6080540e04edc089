/** A WebSocket whose node is gone, or is to go, ends with a Close that says so, and nothing is left of it. */
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { returnDelays } from '../../src/clients/tunnels.ts'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import type { Answer } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { startNode } from '../fixtures/processes.ts'
import { seeded } from '../fixtures/requests/mutated-requests.ts'
import { rawClient } from '../fixtures/requests/raw.ts'
import type { RawClient } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

const UPGRADE = ['GET /ws HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', '', '']
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
const ADMIN_TOKEN = 't'.repeat(16)
/** A Close with 1012 and the client's own delay, as latin1. */
const RESTARTS = /^\x88[^]{2}\xf4retry-after-ms=\d+$/
/** The same with 1001. */
const GOES_AWAY = /^\x88[^]{2}\xe9retry-after-ms=0$/

async function opened(t: ExecutionContext, port: number): Promise<RawClient> {
  const client = await rawClient(t, port)
  client.send(...UPGRADE)
  await client.receives(/ 101 [^]*\r\n\r\n/)
  return client
}

function order(adminUrl: string, method: string, path: string, body?: object): Promise<Answer> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-length': Buffer.byteLength(text) }
  return ask(`${adminUrl}${path}`, { method, headers, body: text })
}

function afterHandshake(text: string): string {
  return text.slice(text.indexOf('\r\n\r\n') + 4)
}

test('clients that are told at once to come back get delays that spread them, and later ones none', (t) => {
  let nowMs = 5_000
  const delayMs = returnDelays(1_000, () => nowMs)
  t.deepEqual([delayMs(), delayMs(), delayMs()], [0, 1, 2])
  nowMs += 1
  t.is(delayMs(), 2)
  nowMs += 60_000
  t.is(delayMs(), 0)
})

test('a node that is killed: all of its clients hear 1012, before any probe could tell', async (t) => {
  const node = await startNode(t, 'a')
  const { port } = await balancing(t, { a: node.port }, { PROBE_INTERVAL_MS: '60000' })
  const clients = await Promise.all(Array.from({ length: 10 }, () => opened(t, port)))
  const killedAtMs = performance.now()
  await node.kill()
  for (const client of clients) t.regex(afterHandshake(await client.closed), RESTARTS)
  t.true(performance.now() - killedAtMs < 30_000)
})

test('a node that dies in the middle of a frame: nothing is put into it', async (t) => {
  const { port: nodePort, server } = await httpServer(t, (_request, response) => response.end())
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => socket.destroy())
    socket.write(`${SWITCHING}\x81\x05hal`, 'latin1', () => socket.end())
  })
  const { port } = await balancing(t, { a: nodePort })
  const client = await opened(t, port)
  t.is(afterHandshake(await client.closed), '\x81\x05hal')
})

test('when a node closes a WebSocket itself, the balancer adds no Close of its own', async (t) => {
  const { port: nodePort, server } = await httpServer(t, (_request, response) => response.end())
  const close = '\x88\x02\x03\xe8'
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => socket.destroy())
    socket.write(`${SWITCHING}\x81!here is a frame of 33 characters!${close}`, 'latin1', () => socket.end())
  })
  const { port } = await balancing(t, { a: nodePort })
  const client = await opened(t, port)
  t.is(afterHandshake(await client.closed), `\x81!here is a frame of 33 characters!${close}`)
})

test('a WebSocket that opens while the balancer stops gets the same Close as the others', async (t) => {
  const { port: nodePort, server } = await httpServer(t, (_request, response) => response.end())
  const asked = Promise.withResolvers<Duplex>()
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => socket.destroy())
    asked.resolve(socket)
  })
  const balancer = await balancing(t, { a: nodePort }, { DRAIN_MS: '60000' })
  const client = await rawClient(t, balancer.port)
  client.send(...UPGRADE)
  const node = await asked.promise
  const closed = balancer.close()
  node.write(SWITCHING)
  t.regex(afterHandshake(await client.closed), GOES_AWAY)
  await closed
})

async function standsAs(adminUrl: string, standing: string): Promise<void> {
  const shows = async () => (await ask(`${adminUrl}/upstreams`)).body.includes(`"state":"${standing}"`)
  await until(shows, { what: `an upstream that is ${standing}` })
}

test('a WebSocket stays at a node that drains while there is no other, and gets 1012 when another comes up', async (t) => {
  const [a, b] = await Promise.all([startNode(t, 'a'), startNode(t, 'b')])
  await b.kill()
  const { port, adminUrl } = await balancing(t, { a: a.port, b: b.port })
  const client = await opened(t, port)
  await ask(`${a.url}/readiness?ready=false`, { method: 'PUT' })
  await standsAs(adminUrl, 'draining')
  client.send('\x81!here is a frame of 33 characters!')
  await client.receives(/\x81!here is a frame of 33 characters!$/)
  await b.restart()
  t.regex(
    afterHandshake(await client.closed),
    /^\x81!here is a frame of 33 characters!\x88[^]{2}\xf4retry-after-ms=\d+$/,
  )
})

test('a WebSocket that a node accepts after another has taken its place gets 1012 at once', async (t) => {
  const asked = Promise.withResolvers<Duplex>()
  const { port: aPort, server } = await httpServer(t, (_request, response) => response.end())
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => socket.destroy())
    asked.resolve(socket)
  })
  const b = await startNode(t, 'b')
  await b.kill()
  const { port, adminUrl } = await balancing(t, { a: aPort, b: b.port }, { ADMIN_TOKEN })
  const client = await rawClient(t, port)
  client.send(...UPGRADE)
  const node = await asked.promise
  t.is((await order(adminUrl, 'POST', '/upstreams/a/drain')).status, 202)
  await b.restart()
  const isUp = async () => (await order(adminUrl, 'GET', '/upstreams')).body.includes('"state":"up"')
  await until(isUp, { what: 'b to be up' })
  node.write(SWITCHING)
  t.regex(afterHandshake(await client.closed), RESTARTS)
})

const drainEnds = test.macro({
  async exec(t, method: string, path: string) {
    const node = await startNode(t, 'a')
    const { port, adminUrl } = await balancing(t, { a: node.port }, { ADMIN_TOKEN })
    const client = await opened(t, port)
    t.is((await order(adminUrl, method, path, { withinMs: 1 })).status, 202)
    t.regex(afterHandshake(await client.closed), RESTARTS)
  },
  title: (what = '') => `at the deadline of ${what}, WebSockets get 1012 also where no other node is up`,
})

test('a drain', drainEnds, 'POST', '/upstreams/a/drain')
test('a removal', drainEnds, 'DELETE', '/upstreams/a')

/** A node that has sent its own Close, and waits for the client's, which never comes. */
async function closing(t: ExecutionContext) {
  const close = '\x88\x02\x03\xe8'
  const upgraded = Promise.withResolvers<Duplex>()
  const { port: nodePort, server } = await httpServer(t, (_request, response) => response.end())
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => socket.destroy())
    socket.resume().write(`${SWITCHING}${close}`, 'latin1')
    upgraded.resolve(socket)
  })
  const balancer = await balancing(t, { a: nodePort }, { DRAIN_MS: '60000', ADMIN_TOKEN })
  const client = await opened(t, balancer.port)
  await client.receives(/\x88[^]{2}\xe8$/)
  return { balancer, client, close, node: await upgraded.promise }
}

test('a balancer that stops does not wait long for the client of a WebSocket that the node has closed', async (t) => {
  const { balancer, client, close } = await closing(t)
  const startedAtMs = performance.now()
  await balancer.close()
  t.true(performance.now() - startedAtMs < 30_000)
  t.is(afterHandshake(await client.closed), close)
})

test('at the deadline of a removal, a WebSocket that the node has closed is cut', async (t) => {
  const { balancer, client, close, node } = await closing(t)
  t.is((await order(balancer.adminUrl, 'DELETE', '/upstreams/a', { withinMs: 1 })).status, 202)
  t.is(afterHandshake(await client.closed), close)
  await until(() => node.readableEnded, { what: "the node's connection to be closed" })
})

const RESETS = 10_000
const AT_ONCE = 250

test('ten thousand resets and ends, by either side, at any moment, leave no socket behind', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  t.log(`seed ${seed}`)
  const draw = seeded(seed)
  const nodes = new Set<{ readonly destroyed: boolean }>()
  const { port: nodePort, server } = await httpServer(t, (_request, response) => response.end())
  server.on('upgrade', (_request, socket) => {
    nodes.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => nodes.delete(socket))
    const way = draw()
    if (way < 0.1) return void socket.destroy()
    socket.write(`${SWITCHING}\x81!here is a frame of 33 characters!`, 'latin1')
    socket.resume()
    if (way < 0.3) socket.end('\x88\x02\x03\xe8', 'latin1')
    else if (way < 0.5) setImmediate(() => socket.destroy())
    else if (way < 0.6) socket.end('\x81\x7e\x01')
    else socket.once('end', () => socket.end())
  })
  const { port, adminUrl } = await balancing(t, { a: nodePort }, { CLIENT_HALF_CLOSED_MS: '50', LOG_LEVEL: 'silent' })

  async function one(): Promise<void> {
    const socket = connect(port, '127.0.0.1')
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => 'a reset is one way to end')
    socket.write(UPGRADE.join('\r\n'))
    const way = draw()
    const go = () => void (way < 0.5 ? socket.resetAndDestroy() : way < 0.75 ? socket.destroy() : socket.end())
    socket.resume()
    if (way % 0.25 < 0.1) socket.once('data', go)
    else for (let turns = Math.floor(draw() * 6); turns >= 0; turns -= 1) await turn()
    if (way % 0.25 >= 0.1) go()
    await closed
  }

  let left = RESETS
  async function several(): Promise<void> {
    for (; left > 0; left -= 1) await one()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, several))
  const isFree = async () => (await ask(`${adminUrl}/upstreams`)).body.includes('"inFlight":0,"tunnels":0')
  await until(isFree, { what: 'the balancer to hold nothing' })
  await until(() => nodes.size === 0, { what: 'the node to hold nothing' })
  const connections = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)))
  // The balancer holds one to see its end, and one for its probes.
  const isLast = async () => (await connections()) <= 2
  await t.notThrowsAsync(until(isLast, { what: 'only the held connections to be left' }))
})
