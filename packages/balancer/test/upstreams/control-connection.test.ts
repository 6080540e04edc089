import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { controlConnection } from '../../src/upstreams/control-connection.ts'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { freePort, startNode } from '../fixtures/processes.ts'
import { until } from '../fixtures/until.ts'

interface Watched {
  readonly server: Server
  readonly connections: Socket[]
  readonly losses: string[]
}

/** `accepted`: what the server does with a connection. */
async function watched(t: ExecutionContext, accepted: (socket: Socket) => void): Promise<Watched> {
  const connections: Socket[] = []
  const losses: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => 'the other end is looked at')
    connections.push(socket)
    accepted(socket)
  })
  server.listen(await freePort(), '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of connections) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  const place = { readyPath: '/readyz', hostname: '127.0.0.1', port, connectTimeoutMs: 60_000 }
  const control = controlConnection({ ...place, now: () => 0, lost: (why) => losses.push(why) })
  t.teardown(() => control.close())
  control.open()
  control.open()
  return { server, connections, losses }
}

test('one connection is held, and if it ends and nothing listens the node is lost', async (t) => {
  const { server, connections, losses } = await watched(t, (socket) => socket.resume())
  await until(() => connections.length === 1, { what: 'a connection' })
  server.close()
  connections[0]?.destroy()
  await until(() => losses.length > 0, { what: 'the loss' })
  await delay(50)
  t.is(connections.length, 1)
  t.is(losses.length, 1)
})

test('a server that lets idle connections go, and listens, is not lost', async (t) => {
  const { connections, losses } = await watched(t, (socket) => socket.resume())
  await until(() => connections.length === 1, { what: 'a connection' })
  connections[0]?.end()
  await until(() => connections.length === 2, { what: 'another connection' })
  t.deepEqual(losses, [])
})

test('a server that keeps no connection is not lost, and not asked all the time', async (t) => {
  const { connections, losses } = await watched(t, (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'),
  )
  await until(() => connections.length === 2, { what: 'a second connection' })
  await delay(300)
  t.is(connections.length, 2)
  t.deepEqual(losses, [])
})

test('a server that never listened is not lost', async (t) => {
  const port = await freePort()
  const losses: string[] = []
  const place = { readyPath: '/readyz', hostname: '127.0.0.1', port, connectTimeoutMs: 60_000 }
  const control = controlConnection({ ...place, now: () => 0, lost: (why) => losses.push(why) })
  t.teardown(() => control.close())
  control.open()
  await delay(100)
  t.deepEqual(losses, [])
})

test('a node that is killed is ejected before a probe or a request finds out, and no request is the worse for it', async (t) => {
  const [a, b] = await Promise.all([startNode(t, 'a'), startNode(t, 'b')])
  const balancer = await balancing(t, { a: a.port, b: b.port }, { PROBE_INTERVAL_MS: '60000' })
  // It is said by the process whose connection it is, when that has one.
  await ask(balancer.url)
  await delay(50)
  await a.kill()
  await until(() => balancer.events().includes('a ejected'), { what: 'a to be ejected' })
  const answers = await Promise.all(Array.from({ length: 4 }, () => ask(balancer.url, { method: 'POST' })))
  t.deepEqual(
    answers.map(({ status, headers }) => [status, headers['x-served-by']]),
    answers.map(() => [200, 'b']),
  )
  t.false(balancer.lines.some(({ msg }) => msg === 'attempt failed'))
})
