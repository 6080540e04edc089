/** The load on a system that is well: it counts what was answered, checks it, and keeps time by the due instants. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findStrategy } from '@ninelives/lab'
import test, { type ExecutionContext } from 'ava'
import { contestantOf, openCluster } from '../harness/cluster-under-test.ts'
import {
  type HealthyMeasured,
  LatencyHistogram,
  mergedHistogram,
  openHealthy,
  warmUp,
} from '../strategies/healthy/index.ts'

type Counted = Pick<HealthyMeasured, 'requests' | 'ok' | 'failed' | 'lost'>

const RATE = 100

async function users(t: ExecutionContext, strategyName: string, nodes: number) {
  const strategy = findStrategy(strategyName)
  if (strategy === undefined) throw new Error(`there is no strategy ${strategyName}`)
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const wishes = { nodes, users: 0, rate: 1, seed: 1, restartAfterMs: 500, directory }
  const cluster = await openCluster(contestantOf(strategy), wishes)
  t.teardown(() => cluster.stop())
  const load = await openHealthy({ url: cluster.url, users: 10, scenario: {}, seed: 1 })
  t.teardown(() => load.close())
  return load
}

/** Each answer is counted once; and a machine that does other things may make the balancer think that its only node is gone. */
function mostlyWell(t: ExecutionContext, { requests, ok, failed, lost }: Counted): void {
  const wrong = Object.values(failed).reduce((sum, each) => sum + each, 0)
  t.is(ok + wrong, requests)
  t.true(ok >= 0.9 * requests, JSON.stringify(failed))
  t.is(lost, 0)
}

test('at a fixed rate everything is sent when it is due, answered, and found right', async (t) => {
  const load = await users(t, 'sticky', 1)
  t.true((await warmUp(load, RATE)) >= 2)
  const { requests, ok, failed, lost, p50Ms, p99Ms, requestsPerSecond, histogram, operations } = await load.measure({
    seconds: 2,
    rate: RATE,
    withOperations: true,
  })
  mostlyWell(t, { requests, ok, failed, lost })
  t.true(requests > RATE && requests < 3 * RATE, `${requests} requests`)
  t.true(requestsPerSecond > 0 && p50Ms > 0 && p99Ms >= p50Ms)
  t.is(LatencyHistogram.from(histogram).count, requests)
  t.is(operations?.filter(({ type }) => type === 'operation-ended').length, requests)
})

test('as fast as it can, each connection has one request under way', async (t) => {
  const load = await users(t, 'sticky', 1)
  const { requests, ok, lost, failed, requestsPerSecond, durationMs } = await load.measure({ seconds: 1 })
  mostlyWell(t, { requests, ok, failed, lost })
  // Ten connections, and each has sent again by then, on the slowest of machines.
  t.true(requests > 20, `${requests} requests`)
  t.true(Math.abs(requestsPerSecond - (requests * 1_000) / durationMs) < 0.01)
})

test('so many requests are no more than that', async (t) => {
  const load = await users(t, 'sticky', 1)
  const { requests } = await load.measure({ seconds: 60, requests: 50 })
  t.is(requests, 50)
})

test('an answer that is wrong is not counted as right', async (t) => {
  // Each node knows only its own sessions, and requests take turns.
  const load = await users(t, 'memory', 2)
  const { requests, ok, failed } = await load.measure({ seconds: 1, rate: RATE })
  t.true((failed['logged-out'] ?? 0) > 0)
  t.is(ok + (failed['logged-out'] ?? 0), requests)
})

test('percentiles are of all that was merged', (t) => {
  const [fast, slow] = [new LatencyHistogram(), new LatencyHistogram()]
  for (let each = 1; each <= 98; each++) fast.record(each * 10)
  for (const micros of [1_234_567, 2_000_004]) slow.record(micros)
  const both = mergedHistogram([String(fast), String(slow)])
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
  for (const micros of [0, 0.2, 12.4, 999.7, 1_004, 1_006, 99_960]) histogram.record(micros)
  t.is(String(histogram), '1:2,12:1,1000:2,1010:1,100000:1')
})
