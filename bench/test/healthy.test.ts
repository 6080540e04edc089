/** The load on a healthy cluster: it counts the answers, and checks them. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findStrategy } from '@ninelives/lab'
import test, { type ExecutionContext } from 'ava'
import { contestantOf, openCluster } from '../harness/cluster-under-test.ts'
import { type HealthyLoad, openHealthy, warmUp } from '../strategies/healthy/index.ts'
import { LatencyHistogram } from '../latency-histogram.ts'

async function cluster(t: ExecutionContext, strategyName: string, nodes: number): Promise<string> {
  const strategy = findStrategy(strategyName)
  if (strategy === undefined) throw new Error(`there is no strategy ${strategyName}`)
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const wishes = { nodes, users: 0, rate: 1, seed: 1, restartAfterMs: 500, directory }
  const opened = await openCluster(contestantOf(strategy), wishes)
  t.teardown(() => opened.stop())
  return opened.url
}

async function load(t: ExecutionContext, url: string, via: 'autocannon' | 'lab' = 'autocannon'): Promise<HealthyLoad> {
  const opened = await openHealthy({ url, users: 10, seed: 1, via })
  t.teardown(() => opened.close())
  return opened
}

for (const via of ['autocannon', 'lab'] as const) {
  test(`each user has one request in flight, and every answer is counted once: ${via}`, async (t) => {
    const opened = await load(t, await cluster(t, 'sticky', 1), via)
    await warmUp(opened, 0)
    const found = await opened.measure(1)
    const { requests, ok, lost, failed, requestsPerSecond, durationMs, p50Ms, p99Ms, histogram } = found
    // Ten users, and each has sent again by then, on the slowest of machines.
    t.true(requests > 20, `${requests} requests`)
    t.is(ok + Object.values(failed).reduce((sum, each) => sum + each, 0), requests)
    // On a busy machine the balancer may eject its only node.
    t.true(ok >= 0.9 * requests, JSON.stringify(failed))
    t.is(lost, 0)
    t.true(Math.abs(requestsPerSecond - (requests * 1_000) / durationMs) < 0.01)
    t.true(p50Ms > 0 && p99Ms >= p50Ms)
    t.is(LatencyHistogram.from(histogram).count, requests)
  })
}

test('a wrong answer is not counted as right', async (t) => {
  // Each node knows only its own sessions, and requests take turns.
  const opened = await load(t, await cluster(t, 'memory', 2))
  const { requests, ok, failed } = await opened.measure(1)
  t.true((failed['logged-out'] ?? 0) > 0)
  t.is(ok + (failed['logged-out'] ?? 0), requests)
})

test('a connection that breaks makes the turn invalid', async (t) => {
  const server = createServer((request, response) => {
    if (request.url !== '/api/login') return void request.socket.end()
    response.setHeader('set-cookie', 'sid=1').end(JSON.stringify({ user: 'user-0' }))
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const opened = await openHealthy({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    users: 1,
    seed: 1,
  })
  t.teardown(() => opened.close())
  await t.throwsAsync(opened.measure(1), { message: /a connection broke/ })
})

test('percentiles are of everything that was merged', (t) => {
  const [fast, slow] = [new LatencyHistogram(), new LatencyHistogram()]
  for (let each = 1; each <= 98; each++) fast.record(each * 10)
  for (const micros of [1_234_567, 2_000_004]) slow.record(micros)
  const both = LatencyHistogram.from(String(fast), String(slow))
  t.is(both.count, 100)
  t.is(both.percentileMs(50), 0.5)
  t.is(both.percentileMs(98), 0.98)
  t.is(both.percentileMs(99), 1_230)
  t.is(both.percentileMs(100), 2_000)
  t.is(LatencyHistogram.from('').count, 0)
  t.throws(() => LatencyHistogram.from('1:2,x'))
  t.throws(() => new LatencyHistogram().percentileMs(50))
})

test('a latency keeps three digits, and is at least a microsecond', (t) => {
  const histogram = new LatencyHistogram()
  for (const micros of [-3, 0, 0.2, 12.4, 999.7, 1_004, 1_006, 99_960]) histogram.record(micros)
  t.is(String(histogram), '1:3,12:1,1000:2,1010:1,100000:1')
})
