/** One proxy between two real sockets. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { type EdgeFault, EdgeProxy, type Way } from '../../src/edges/proxy.ts'
import { freePorts } from '../../src/supervise/ports.ts'
import { runState } from '../../src/supervise/process-table.ts'
import { settles, until } from '../../src/wait.ts'
import { fixture } from '../fixtures/open-lab.ts'

interface Pair {
  readonly proxy: EdgeProxy
  readonly port: number
  readonly target: number
  readonly server: Server
  readonly client: Socket
  readonly upstream: Socket
}

const BOTH: readonly Way[] = ['request', 'answer']
const deadlineMs = 60_000
/** Two for each test, chosen at once: others on this machine choose as well. */
const ports = await freePorts(40)

/** Ignores errors of the socket, which these tests cause. */
function quiet(socket: Socket): Socket {
  return socket.on('error', () => undefined)
}

/** Others on this machine look whether ports are free, and while they do, one is not. */
function listen(server: Server, port: number): Promise<void> {
  const listens = async (): Promise<boolean> => {
    server.listen(port, '127.0.0.1')
    return once(server, 'listening').then(
      () => true,
      () => false,
    )
  }
  return until(listens, { deadlineMs, what: `port ${port} to be free` })
}

async function pair(t: ExecutionContext, random: () => number = Math.random): Promise<Pair> {
  const [port = 0, target = 0] = ports.splice(0, 2)
  const server = createServer({ allowHalfOpen: true })
  await listen(server, target)
  const accepted: Socket[] = []
  server.on('connection', (socket) => accepted.push(quiet(socket)))
  const proxy = new EdgeProxy(port, target, random)
  await until(() => reaches(port), { deadlineMs, what: 'the proxy to listen' })
  accepted.splice(0)
  const client = quiet(connect({ host: '127.0.0.1', port, allowHalfOpen: true }))
  t.teardown(() => {
    proxy.break({ id: 'over', kind: 'cut', ways: BOTH })
    server.close()
    for (const socket of [client, ...accepted]) socket.destroy()
  })
  client.write('?')
  const asked = async (): Promise<boolean> =>
    accepted.some((socket) => socket.bytesRead > 0 || socket.readableLength > 0)
  await until(asked, { deadlineMs, what: 'the connection to arrive' })
  const upstream = accepted.find((socket) => socket.bytesRead > 0 || socket.readableLength > 0) as Socket
  upstream.read()
  return { proxy, port, target, server, client, upstream }
}

function reaches(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function read(socket: Socket): { text: string; atMs: number } {
  const seen = { text: '', atMs: 0 }
  socket.setEncoding('latin1').on('data', (text: string) => {
    seen.text += text
    seen.atMs = performance.now()
  })
  return seen
}

const arrives = (seen: { text: string }, text: string): Promise<void> =>
  until(() => seen.text === text, { deadlineMs, what: `"${text}" to arrive` })

test('without a fault everything passes, also a half-close', async (t) => {
  const { client, upstream } = await pair(t)
  const [there, back] = [read(upstream), read(client)]
  client.end('last words')
  await once(upstream, 'end')
  t.is(there.text, 'last words')
  upstream.end('answered all the same')
  await once(client, 'end')
  t.is(back.text, 'answered all the same')
})

test('a megabyte arrives whole', async (t) => {
  const { client, upstream } = await pair(t)
  const text = 'abcdefgh'.repeat(512 * 1024)
  const there = read(upstream)
  client.end(text)
  await once(upstream, 'end')
  t.is(there.text.length, text.length)
  t.true(there.text === text)
})

for (const side of ['client', 'upstream'] as const) {
  test(`a reset by the ${side} is one on the other side`, async (t) => {
    const both = await pair(t)
    const other = side === 'client' ? both.upstream : both.client
    other.resume()
    both[side].resetAndDestroy()
    const [error] = (await once(other, 'error')) as [NodeJS.ErrnoException]
    t.is(error.code, 'ECONNRESET')
  })
}

test('a connection is refused while the target is gone, and passes when it is back', async (t) => {
  const { port, target, server, client, upstream } = await pair(t)
  client.resume()
  server.close()
  upstream.resetAndDestroy()
  await until(() => client.destroyed, { deadlineMs, what: 'the client to hear of it' })
  // A process that checks whether the target's port is free listens there for an instant, and the proxy finds it.
  await until(async () => !(await reaches(port)), { deadlineMs, what: 'the proxy to refuse' })
  await listen(server, target)
  await until(() => reaches(port), { deadlineMs, what: 'the proxy to listen again' })
  t.pass()
})

test('latency delays in the given direction, and keeps the order', async (t) => {
  const { proxy, client, upstream } = await pair(t)
  const [there, back] = [read(upstream), read(client)]
  proxy.break({ id: 'f1', kind: 'latency', latencyMs: 400, jitterMs: 100, ways: ['request'] })
  t.false(proxy.isTouched('f1'))
  const beganMs = performance.now()
  upstream.write('back')
  await arrives(back, 'back')
  t.false(proxy.isTouched('f1'))
  const sentMs = performance.now()
  for (const part of ['one', 'two', 'three']) client.write(part)
  await arrives(there, 'onetwothree')
  t.true(there.atMs - sentMs >= 399, `${there.atMs - sentMs}`)
  t.true(back.atMs - beganMs < there.atMs - beganMs)
  t.true(proxy.isTouched('f1'))
})

test('the random numbers decide the jitter', async (t) => {
  for (const [drawn, leastMs, mostMs] of [
    [0, 0, 2_000],
    [1, 2_999, deadlineMs],
  ] as const) {
    const { proxy, client, upstream } = await pair(t, () => drawn)
    const there = read(upstream)
    proxy.break({ id: 'f1', kind: 'latency', latencyMs: 1, jitterMs: 3_000, ways: BOTH })
    const sentMs = performance.now()
    client.write('late')
    await arrives(there, 'late')
    const lateMs = there.atMs - sentMs
    t.true(lateMs >= leastMs && lateMs < mostMs, `${lateMs}`)
  }
})

test('if its port is taken, the proxy listens when it is free', async (t) => {
  const [port = 0, target = 0] = ports.splice(0, 2)
  const [server, other] = [createServer(), createServer()]
  let seen = 0
  server.on('connection', (socket) => quiet(socket) && seen++)
  await Promise.all([listen(server, target), listen(other, port)])
  const proxy = new EdgeProxy(port, target, Math.random)
  t.teardown(() => {
    proxy.break({ id: 'over', kind: 'cut', ways: BOTH })
    server.close()
  })
  await until(() => seen > 2, { deadlineMs, what: 'it to have tried' })
  other.close()
  await until(() => reaches(port), { deadlineMs, what: 'the proxy to listen' })
  t.pass()
})

test('bandwidth is a limit', async (t) => {
  const { proxy, client, upstream } = await pair(t)
  const there = read(upstream)
  proxy.break({ id: 'f1', kind: 'bandwidth', bytesPerSecond: 1_000, ways: BOTH })
  const sentMs = performance.now()
  client.write('x'.repeat(600))
  await arrives(there, 'x'.repeat(600))
  t.true(there.atMs - sentMs > 500, `${there.atMs - sentMs}`)
})

test('held data passes after healing', async (t) => {
  const { proxy, port, client, upstream } = await pair(t)
  const there = read(upstream)
  proxy.break({ id: 'f1', kind: 'hold', ways: BOTH })
  client.write('held')
  t.true(await reaches(port))
  await until(() => proxy.isTouched('f1'), { deadlineMs, what: 'something to be held' })
  t.is(there.text, '')
  proxy.mend('f1')
  await arrives(there, 'held')
  t.pass()
})

test('a cut closes and refuses connections until it is healed', async (t) => {
  const { proxy, port, client } = await pair(t)
  client.resume()
  proxy.break({ id: 'f1', kind: 'cut', ways: BOTH })
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
  t.is(error.code, 'ECONNRESET')
  await until(() => proxy.isTouched('f1'), { deadlineMs, what: 'the cut to be seen' })
  t.false(await reaches(port))
  proxy.mend('f1')
  await until(() => reaches(port), { deadlineMs, what: 'the proxy to listen again' })
  t.pass()
})

test('a cut in one direction drops data, and closes the damaged connection', async (t) => {
  const { proxy, client, upstream } = await pair(t)
  const [there, back] = [read(upstream), read(client)]
  proxy.break({ id: 'f1', kind: 'cut', ways: ['request'] })
  client.write('lost')
  await until(() => proxy.isTouched('f1'), { deadlineMs, what: 'something to be lost' })
  upstream.write('not lost')
  await arrives(back, 'not lost')
  const broken = once(client, 'error')
  proxy.mend('f1')
  await broken
  t.is(there.text, '')
})

/** A paused listener with a full backlog. */
async function deafPort(t: ExecutionContext): Promise<number> {
  const child = spawn(process.execPath, [fixture('deaf')], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const isStopped = async (): Promise<boolean> => (await runState(child.pid ?? 0)) === 'stopped'
  await until(isStopped, { deadlineMs, what: 'it to stand still' })
  const port = Number(line)
  for (let isFull = false; !isFull;) {
    const waiting = quiet(connect({ host: '127.0.0.1', port }))
    t.teardown(() => waiting.destroy())
    isFull = !(await settles(once(waiting, 'connect'), 500))
  }
  return port
}

test('a paused target with a full backlog counts as alive', async (t) => {
  const target = await deafPort(t)
  const [port = 0] = ports.splice(0, 2)
  const proxy = new EdgeProxy(port, target, Math.random)
  t.teardown(() => proxy.break({ id: 'over', kind: 'cut', ways: BOTH }))
  await until(() => reaches(port), { deadlineMs, what: 'the proxy to listen' })
  t.pass()
})

const reset = (ways: readonly Way[]): EdgeFault => ({ id: 'f1', kind: 'reset', ways })

test('a reset closes the present connections once', async (t) => {
  const { proxy, port, client, upstream } = await pair(t)
  client.resume()
  upstream.resume()
  const both = [once(client, 'error'), once(upstream, 'error')]
  proxy.break(reset(BOTH))
  t.true(proxy.isTouched('f1'))
  await Promise.all(both)
  const next = quiet(connect({ host: '127.0.0.1', port }))
  t.teardown(() => next.destroy())
  await once(next, 'connect')
  t.false(await Promise.race([once(next, 'error').then(() => true), reaches(port).then(() => false)]))
})

test('a reset in one direction is not seen at the other end', async (t) => {
  const { proxy, client, upstream } = await pair(t)
  client.resume()
  upstream.resume()
  const told = once(upstream, 'error')
  proxy.break(reset(['request']))
  await told
  client.write('hello?')
  t.false(client.destroyed)
})
