/**
 * What the checkers cost: a million operations of ten thousand users, as virtual users with two tabs would have done them, go
 * through the judge one by one. Only the judge's time is counted, not that of whoever makes the history up, and of the process
 * the most memory that it ever had.
 *
 *     node bench/checkers.ts [--operations 1000000] [--users 10000]
 */
import { parseArgs } from 'node:util'
import { Judge, type TraceEvent } from '@ninelives/history'
import { madeUpHistory } from './checkers-history.ts'
import { benchMain, say } from './command.ts'
import { environment } from './environment.ts'
import { wholeNumber } from './flags.ts'

const CHUNK = 2_000
const RATE_GOAL = 300_000
const MEGABYTES_GOAL = 200

benchMain(async (args) => {
  const { values } = parseArgs({
    args: [...args],
    options: { users: { type: 'string' }, operations: { type: 'string' } },
  })
  const operations =
    values.operations === '1000000' ? 1_000_000 : wholeNumber('--operations', values.operations, 999_999) + 1
  const users = wholeNumber('--users', values.users, 10_000)
  const { busy, loadBefore, processor, node } = environment(undefined, {})
  const judge = new Judge()
  const history = madeUpHistory({ users, operations, seed: 1 })
  let cpuMicros = 0
  for (let chunk = next(history); chunk.length > 0; chunk = next(history)) {
    const before = process.threadCpuUsage()
    for (const event of chunk) judge.take(event)
    const { user, system } = process.threadCpuUsage(before)
    cpuMicros += user + system
  }
  const { anomalies, operations: judged } = judge.verdict()
  const perSecond = (operations * 1e6) / cpuMicros
  const megabytes = process.resourceUsage().maxRSS / 1024
  say(`${operations} operations of ${users} users, ${judged.ok} ok, ${anomalies.length} kinds of anomalies`)
  say(`speed   ${Math.round(perSecond / 1_000)},000 operations a second of CPU time (goal ${RATE_GOAL / 1_000},000)`)
  say(`memory  ${megabytes.toFixed(0)} MB at most, whoever made the history up included (goal ${MEGABYTES_GOAL})`)
  say(
    `on      ${processor}, Node ${node}${busy ? `; the machine was busy (load ${loadBefore.toFixed(1)}): not to be quoted` : ''}`,
  )
  process.exitCode = perSecond >= RATE_GOAL && megabytes < MEGABYTES_GOAL && anomalies.length === 0 ? 0 : 1
})

function next(history: Iterator<TraceEvent>): TraceEvent[] {
  const chunk: TraceEvent[] = []
  while (chunk.length < CHUNK) {
    const { done, value } = history.next()
    if (done === true) break
    chunk.push(value)
  }
  return chunk
}
