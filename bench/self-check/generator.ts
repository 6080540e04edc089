/**
 * What the virtual users cost, and how late they are: a thousand of them, a thousand operations a second, against a shop that
 * costs next to nothing in a process of its own. The users' process is the one of the lab, reporting to this one as it does there.
 *
 *     node bench/generator.ts [--users 1000] [--rate 1000] [--seconds 10]
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ownPrograms } from '@ninelives/lab'
import type { OperationEnded, OperationSent } from '@ninelives/history'
import { startChild } from '../harness/children.ts'
import { benchMain, say } from '../harness/command/command.ts'
import { cpuMicrosOf } from '../harness/cpu-time.ts'
import { environment } from '../harness/environment.ts'
import { wholeNumber } from '../harness/command/flags.ts'

const SHOP = fileURLToPath(new URL('generator-shop.ts', import.meta.url))
/** Everybody has logged in, and what runs often is compiled. */
const WARM_UP_MS = 5_000
const LATE_GOAL_MS = 5
const CORES_GOAL = 0.5

benchMain(async (args) => {
  const { values } = parseArgs({
    args: [...args],
    options: { users: { type: 'string' }, rate: { type: 'string' }, seconds: { type: 'string' } },
  })
  const users = wholeNumber('--users', values.users, 1_000)
  const rate = wholeNumber('--rate', values.rate, 1_000)
  const seconds = wholeNumber('--seconds', values.seconds, 10)
  const { busy, loadBefore, processor, node } = environment(undefined, {})
  const shop = startChild(process.execPath, [SHOP], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [target] = (await once(shop, 'message')) as [string]
  const told = { target, users, tabs: 1, rate, seed: 1, idempotencyKeys: false, firstOp: 0 }
  const originNs = String(process.hrtime.bigint())
  const load = startChild(process.execPath, [ownPrograms().users, JSON.stringify({ ...told, originNs })], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  let events: (OperationSent | OperationEnded)[] = []
  load.on('message', (report: { type: string; events?: typeof events }) => {
    if (report.type === 'operations') events.push(...(report.events ?? []))
  })
  await once(load, 'message')
  await sleep(WARM_UP_MS)
  events = []
  const before = { cpuMicros: cpuMicrosOf([load.pid ?? 0]), atMs: performance.now() }
  await sleep(seconds * 1_000)
  const tookMs = performance.now() - before.atMs
  const cores = (cpuMicrosOf([load.pid ?? 0]) - before.cpuMicros) / 1_000 / tookMs
  const sent = events.filter((event) => event.type === 'operation-sent')
  const bad = events.filter((event) => event.type === 'operation-ended' && event.outcome !== 'ok').length
  const late = sent.map(({ lateMs }) => lateMs).sort((a, b) => a - b)
  const lateAt = (share: number): number => late[Math.floor(late.length * share)] ?? Number.NaN
  const perSecond = (sent.length * 1_000) / tookMs
  say(`${users} users, ${perSecond.toFixed(0)} operations a second of ${rate} asked for, ${bad} not ok`)
  say(
    `CPU    ${cores.toFixed(2)} of a core, ${((cores * 1e6) / perSecond).toFixed(0)} µs an operation (goal ${CORES_GOAL})`,
  )
  say(
    `late   p50 ${lateAt(0.5).toFixed(2)} ms, p99 ${lateAt(0.99).toFixed(2)} ms (goal ${LATE_GOAL_MS}), most ${late.at(-1)?.toFixed(1)} ms`,
  )
  say(
    `on     ${processor}, Node ${node}${busy ? `; the machine was busy (load ${loadBefore.toFixed(1)}): not to be quoted` : ''}`,
  )
  load.kill()
  shop.kill()
  const isReached = cores <= CORES_GOAL && lateAt(0.99) < LATE_GOAL_MS && perSecond >= rate * 0.98
  process.exitCode = isReached ? 0 : 1
})
