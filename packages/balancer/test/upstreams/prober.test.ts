import test from 'ava'
import type { ExecutionContext } from 'ava'
import type { ProbeOutcome } from '../../src/upstreams/health.ts'
import { prober } from '../../src/upstreams/prober.ts'
import type { Prober } from '../../src/upstreams/prober.ts'
import { freePort } from '../fixtures/processes.ts'
import { rawServer } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'

const HOUR_MS = 3_600_000

const now = () => performance.now()

interface Probing {
  readonly outcomes: readonly ProbeOutcome[]
  /** How often a probe was late. */
  readonly lates: () => number
  readonly prober: Prober
}

function probing(
  t: ExecutionContext,
  port: number,
  intervalMs = HOUR_MS,
  timeoutMs = HOUR_MS,
  lateMs = HOUR_MS,
): Probing {
  const outcomes: ProbeOutcome[] = []
  let lates = 0
  const probed = (outcome: ProbeOutcome) => void outcomes.push(outcome)
  const late = () => void (lates += 1)
  const times = { intervalMs, timeoutMs, lateMs }
  const asked = prober({ hostname: '127.0.0.1', port, ...times, random: Math.random, now, probed, late })
  t.teardown(() => asked.close())
  return { outcomes, lates: () => lates, prober: asked }
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
    [404, { result: 'failed', reason: '/readyz answered 404' }],
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
  const silence = probing(t, port, HOUR_MS, 50)
  await silence.prober.open()
  t.deepEqual(silence.outcomes, [{ result: 'failed', reason: 'no answer in 50 ms' }])
  server.on('connection', (socket) => socket.end('junk\r\n\r\n'))
  const junk = probing(t, port)
  await junk.prober.open()
  t.like(junk.outcomes[0], { result: 'failed' })
})

test('a late answer is reported once before it is given up, and one in time never', async (t) => {
  const { port, server } = await httpServer(t, (_request, response) => response.end())
  const quick = probing(t, port, HOUR_MS, HOUR_MS, HOUR_MS)
  await quick.prober.open()
  t.is(quick.lates(), 0)
  server.removeAllListeners('request')
  const slow = probing(t, port, HOUR_MS, 200, 20)
  const opened = slow.prober.open()
  await until(() => slow.lates() === 1, { what: 'the probe to be late' })
  t.deepEqual(slow.outcomes, [])
  await opened
  t.is(slow.lates(), 1)
})

test('it probes again and again, each time on a connection of its own', async (t) => {
  const { port, server } = await httpServer(t, (_request, response) => response.end())
  let connections = 0
  server.on('connection', () => (connections += 1))
  const { prober, outcomes } = probing(t, port, 10)
  await prober.open()
  await until(() => outcomes.length >= 5, { what: 'five probes' })
  prober.close()
  const asked = outcomes.length
  t.true(connections === asked || connections === asked + 1, 'one at a time')
})

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
