/** The floor while nodes die under the sockets: everyone is back, and no move is lost or made twice. */
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { until } from '@ninelives/lab'
import { type Running, runUp } from '../packages/lab/test/fixtures/command.ts'
import { type Among, crashOne, killOne, pauseOne } from './support/deaths.ts'
import { walkers } from './support/walkers.ts'

const FAULTS = Number(process.env['NINELIVES_FAULTS'] ?? 3)

type Fault = (lab: Running, among: Among) => Promise<void>

async function walksOn(t: ExecutionContext, lab: Running, fault: Fault): Promise<void> {
  t.timeout(120_000 + FAULTS * 30_000)
  const crowd = walkers(lab.shop, { walkers: 30, movesPerSecond: 100 })
  t.teardown(() => crowd.close())
  await crowd.begin()
  const ending = new AbortController()
  t.teardown(() => ending.abort())
  const walking = crowd.walk(ending.signal)
  for (let count = 0; count < FAULTS; count++) {
    await sleep(Math.random() * 1_000)
    await until(() => crowd.nodes().size > 0, { what: 'customers on the floor', deadlineMs: 60_000 })
    await fault(lab, crowd.nodes())
  }
  ending.abort()
  await walking
  t.deepEqual(await crowd.harm(), { lost: 0, doubled: 0, backInTime: 0, failed: [] })
  const { moves, slowestMs, reconnects } = crowd.counts
  t.log(`${FAULTS} faults: ${moves} moves, ${reconnects} reconnects, slowest ${Math.round(slowestMs)} ms`)
  t.true(moves > 100)
}

test.serial('replicated: nodes are killed', async (t) => {
  await walksOn(t, await runUp(t, '--users', '0'), killOne)
})

test.serial('replicated: nodes die after the commit, before the answer', async (t) => {
  await walksOn(t, await runUp(t, '--users', '0'), crashOne('after-commit'))
})

test.serial('replicated: nodes are paused', async (t) => {
  await walksOn(t, await runUp(t, '--users', '0'), pauseOne)
})

test.serial('database over SQLite: nodes are killed', async (t) => {
  await walksOn(t, await runUp(t, '--strategy', 'database', '--users', '0'), killOne)
})

test.serial('redis: nodes are killed', async (t) => {
  await walksOn(t, await runUp(t, '--strategy', 'redis', '--users', '0'), killOne)
})
