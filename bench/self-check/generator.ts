/**
 * What the virtual users cost, and how late they are: a thousand of them, a thousand operations a second, before a stub in a
 * process of its own. The users' process is the lab's, and reports to this one as it does there.
 *
 *     node bench/self-check/generator.ts [--users 1000] [--rate 1000] [--seconds 10]
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { flagsHelp, parseFlags } from '@ninelives/lab'
import { benchMain, say } from '../harness/command/command.ts'
import { countFlag } from '../harness/command/flags.ts'
import { cpuMicrosOf } from '../harness/processes/cpu-time.ts'
import { machineLine } from '../harness/environment.ts'
import { harmless } from './measurer-plan.ts'
import { lateMs, percentile } from './measurer-report.ts'
import { message, usersBeforeStub } from './users-process.ts'

const FLAGS = {
  users: countFlag('virtual users (1000)', 1_000),
  rate: countFlag('operations a second of all users (1000)', 1_000),
  seconds: countFlag('how long (10)', 10),
}
/** By then all users have logged in, and what runs often is compiled. */
const WARM_UP_MS = 5_000
const LATE_GOAL_MS = 5
const CORES_GOAL = 0.5

benchMain(async (args) => {
  const options = parseFlags('generator', FLAGS, args)
  if (options === 'help') return say(flagsHelp(FLAGS))
  const { users: count, rate, seconds } = options
  const machine = machineLine()
  const { stub, users, events } = await usersBeforeStub({ users: count, rate, seed: 1 }, () => harmless)
  await message(users)
  await sleep(WARM_UP_MS)
  events.length = 0
  const pids = [users.pid ?? 0]
  const before = { cpuMicros: cpuMicrosOf(pids), atMs: performance.now() }
  await sleep(seconds * 1_000)
  const tookMs = performance.now() - before.atMs
  const cores = (cpuMicrosOf(pids) - before.cpuMicros) / 1_000 / tookMs
  const late = events.flatMap((event) => (event.type === 'operation-sent' ? [event.lateMs] : []))
  const bad = events.filter((event) => event.type === 'operation-ended' && event.outcome !== 'ok').length
  const perSecond = (late.length * 1_000) / tookMs
  const micros = ((cores * 1e6) / perSecond).toFixed(0)
  say(`${count} users, ${perSecond.toFixed(0)} operations a second of ${rate} asked for, ${bad} not ok`)
  say(`CPU    ${cores.toFixed(2)} of a core, ${micros} µs an operation (goal ${CORES_GOAL})`)
  say(
    `late   p50 ${percentile(late, 50).toFixed(2)} ms, p99 ${lateMs(events).toFixed(2)} ms (goal ${LATE_GOAL_MS}), most ${percentile(late, 100).toFixed(1)} ms`,
  )
  say(machine)
  users.kill()
  stub.kill()
  const isReached = cores <= CORES_GOAL && lateMs(events) < LATE_GOAL_MS && perSecond >= rate * 0.98
  process.exitCode = isReached ? 0 : 1
})
