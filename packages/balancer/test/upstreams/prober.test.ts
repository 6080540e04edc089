import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import type { ProbeOutcome } from '../../src/upstreams/health.ts'
import { ProbeClock, prober } from '../../src/upstreams/prober.ts'
import type { Prober, ProberOptions } from '../../src/upstreams/prober.ts'
import { freePort } from '../fixtures/processes.ts'
import { rawServer } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'

const HOUR_MS = 3_600_000

const now = () => performance.now()

interface Probing {
  readonly outcomes: readonly ProbeOutcome[]
  /** 'late' and 'outcome', in the order in which they were reported. */
  readonly reports: readonly string[]
  readonly prober: Prober
}

type Times = Partial<Pick<ProberOptions, 'intervalMs' | 'timeoutMs' | 'questionTimeoutMs' | 'lateMs' | 'now'>>

function probing(t: ExecutionContext, port: number, given: Times = {}): Probing {
  const outcomes: ProbeOutcome[] = []
  const reports: string[] = []
  const probed = (outcome: ProbeOutcome) => {
    outcomes.push(outcome)
    reports.push('outcome')
  }
  const late = () => void reports.push('late')
  const times = {
    intervalMs: HOUR_MS,
    timeoutMs: HOUR_MS,
    questionTimeoutMs: HOUR_MS,
    lateMs: HOUR_MS,
    now,
    ...given,
  }
  const asked = prober({
    hostname: '127.0.0.1',
    port,
    readyPath: '/readyz',
    ...times,
    clock: new ProbeClock(times.now, Math.random),
    probed,
    late,
  })
  t.teardown(() => asked.close())
  return { outcomes, reports, prober: asked }
}

/** An upstream whose /readyz answers with this status. */
async function answering(t: ExecutionContext, status: number): Promise<number> {
  const { port, server } = await httpServer(t, (_request, response) => response.end())
  server.prependListener('request', (_request, response) => (response.statusCode = status))
  return port
}

test('200 is ready, 503 is not, anything else is a failure', async (t) => {
  for (const [status, outcome] of [
    [200, { result: 'ready' }],
    [503, { result: 'unready' }],
    [404, { result: 'failed', reason: '/readyz answered 404; READY_PATH can name another path' }],
    [500, { result: 'failed', reason: '/readyz answered 500' }],
  ] as const) {
    const { prober, outcomes } = probing(t, await answering(t, status))
    await prober.open()
    t.deepEqual(outcomes, [outcome])
  }
})

test('a closed port is a refusal, silence and junk are failures', async (t) => {
  const nobody = probing(t, await freePort())
  await nobody.prober.open()
  t.deepEqual(nobody.outcomes, [{ result: 'refused', reason: 'ECONNREFUSED' }])
  const { port, server } = await httpServer(t, (_request, response) => response.end())
  server.removeAllListeners('request')
  const silence = probing(t, port, { timeoutMs: 50 })
  await silence.prober.open()
  t.deepEqual(silence.outcomes, [{ result: 'failed', reason: 'no answer in 50 ms' }])
  server.on('connection', (socket) => socket.end('junk\r\n\r\n'))
  const junk = probing(t, port)
  await junk.prober.open()
  t.like(junk.outcomes[0], { result: 'failed' })
})

test('a late answer is reported once before it is given up, and one in time never', async (t) => {
  const { port, server } = await httpServer(t, (_request, response) => response.end())
  const quick = probing(t, port)
  await quick.prober.open()
  t.deepEqual(quick.reports, ['outcome'])
  server.removeAllListeners('request')
  const slow = probing(t, port, { timeoutMs: 200, lateMs: 20 })
  await slow.prober.open()
  t.deepEqual(slow.reports, ['late', 'outcome'])
})

test('an upstream that is ready is asked on one connection, and after some seconds on a new one', async (t) => {
  const { port, server } = await httpServer(t, (_request, response) => response.end())
  let connections = 0
  server.on('connection', () => (connections += 1))
  let nowMs = 0
  const { prober, outcomes } = probing(t, port, { intervalMs: 10, now: () => (nowMs += 10) })
  await prober.open()
  await until(() => connections === 2, { what: 'a new connection' })
  t.true(outcomes.length > 20, `${outcomes.length}`)
  t.true(outcomes.every(({ result }) => result === 'ready'))
})

test('probes that may set out together do, and one that is cancelled does not', async (t) => {
  const atMs = now()
  const clock = new ProbeClock(now, () => 1)
  const told: string[] = []
  const start = (name: string) => () => {
    told.push(name)
    setImmediate(() => told.push('next turn'))
  }
  clock.schedule(atMs + 20, atMs + 40, start('a'))
  const cancel = clock.schedule(atMs + 10, atMs + 20, start('cancelled'))
  clock.schedule(atMs + 30, atMs + 60, start('b'))
  const cancelLate = clock.schedule(atMs + HOUR_MS, atMs + 2 * HOUR_MS, start('c'))
  cancel()
  await until(() => told.length >= 4, { what: 'two probes' })
  cancelLate()
  t.deepEqual(told, ['a', 'b', 'next turn', 'next turn'])
})

test('an upstream that is not ready, or closes its connections, is asked on a new one each time', async (t) => {
  for (const answer of [
    (response: ServerResponse) => response.writeHead(503).end(),
    (response: ServerResponse) => response.setHeader('Connection', 'close').end(),
    (response: ServerResponse) => void response.end(() => response.socket?.destroy()),
  ]) {
    const { port, server } = await httpServer(t, (_request, response) => response.end())
    let connections = 0
    server.on('connection', () => (connections += 1))
    server.prependListener('request', (_request, response) => answer(response))
    const { prober, outcomes } = probing(t, port, { intervalMs: 10 })
    await prober.open()
    await until(() => outcomes.length >= 5, { what: 'five probes' })
    prober.close()
    t.true(connections >= 5, `${connections}`)
    t.is(new Set(outcomes.map(({ result }) => result)).size, 1)
  }
})

const failed = (reason: string) => ({ result: 'failed', reason })

test('whatever its framing, an answer counts when it is whole', async (t) => {
  for (const [answer, outcome] of [
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', { result: 'ready' }],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', { result: 'ready' }],
    ['HTTP/1.0 200 OK\r\n\r\nok', { result: 'ready' }],
    ['HTTP/1.1 204\r\n\r\n', failed('/readyz answered 204')],
    ['HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n', { result: 'unready' }],
    ['HTTP/1.1 200 OK\r\nX-Incarnation: one\r\nx-incarnation: two\r\nContent-Length: 0\r\n\r\n', { result: 'ready' }],
    ['HTTP/1.1 200 OK\r\nX-Incarnation: one\r\nContent-Length: 0\r\n\r\n', { result: 'ready', incarnation: 'one' }],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok', failed('closed without an answer')],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n', failed('closed without an answer')],
    ['HTTP/1.1 200', failed('closed without an answer')],
    ['HTTP/2 200\r\n\r\n', failed('no HTTP answer')],
    ['HTTP/1.1 twohundred\r\n\r\n', failed('no HTTP answer')],
    [`HTTP/1.1 200 OK\r\n${'x'.repeat(70_000)}`, failed('no HTTP answer')],
    ['', failed('closed without an answer')],
  ] as const) {
    for (const piece of [answer.length, Math.ceil(answer.length / 9)]) {
      const { prober, outcomes } = probing(t, await saying(t, answer, piece))
      await prober.open()
      prober.close()
      t.deepEqual(outcomes, [outcome], JSON.stringify(answer.slice(0, 100)))
    }
  }
})

/** A server that says this, in pieces, and ends the connection. */
async function saying(t: ExecutionContext, text: string, pieceLength: number): Promise<number> {
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    socket.on('error', () => 'the prober had enough')
    const sayFrom = (at: number): void => {
      if (at >= text.length) return void socket.end()
      socket.write(text.slice(at, at + pieceLength), 'latin1')
      setImmediate(sayFrom, at + pieceLength)
    }
    socket.once('data', () => sayFrom(0))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

test('a prober that is told to hurry does not wait for its interval', async (t) => {
  const { port } = await rawServer(t, () => 'only probes come')
  const { prober, outcomes } = probing(t, port)
  await prober.open()
  prober.hurry()
  prober.hurry()
  await until(() => outcomes.length === 2, { what: 'the second probe' })
  t.deepEqual(outcomes, [{ result: 'ready' }, { result: 'ready' }])
})

test('a question is answered by a probe that starts after it, one for all questions meanwhile', async (t) => {
  const { port, server } = await httpServer(t, (_request, response) => response.end())
  let connections = 0
  server.on('connection', () => (connections += 1))
  const { prober } = probing(t, port)
  const answers = await Promise.all([prober.ask(), prober.ask(), prober.ask()])
  t.deepEqual(answers, [{ result: 'ready' }, { result: 'ready' }, { result: 'ready' }])
  t.is(connections, 2)
  const last = prober.ask()
  prober.close()
  t.is((await last).result, 'failed')
  t.is((await prober.ask()).result, 'failed')
})
