/**
 * The cost of the checkers: a million operations of ten thousand users go through the judge one by one. The judge has a process of its
 * own, whose heap is limited to HEAP_MEGABYTES, so that garbage is not counted. Only the time of judging counts, not that of parsing.
 *
 *     node bench/self-check/checkers.ts [--operations 1000000] [--users 10000]
 */
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { flagsHelp, parseFlags } from '@ninelives/lab'
import { madeUpHistory } from './checkers-history.ts'
import type { Judged } from './checkers-judge.ts'
import { startChild } from '../harness/processes/children.ts'
import { benchMain, say } from '../harness/command/command.ts'
import { machineLine } from '../harness/environment.ts'
import { countFlag } from '../harness/command/flags.ts'

const FLAGS = {
  operations: countFlag('(1000000)', 1_000_000, 10_000_000),
  users: countFlag('(10000)', 10_000),
}
const RATE_GOAL = 300_000
const MEGABYTES_GOAL = 200
const HEAP_MEGABYTES = 100
const YOUNG_MEGABYTES = 8
const CHUNK_CHARACTERS = 64 * 1024

benchMain(async (args) => {
  const options = parseFlags('checkers', FLAGS, args)
  if (options === 'help') return say(flagsHelp(FLAGS))
  const { operations, users } = options
  const machine = machineLine()
  const { cpuMicros, megabytes, ok, anomalies } = await judged(madeUpHistory({ users, operations, seed: 1 }))
  const perSecond = (operations * 1e6) / cpuMicros
  say(`${operations} operations of ${users} users, ${ok} ok, ${anomalies} kinds of anomalies`)
  say(`speed   ${Math.round(perSecond / 1_000)},000 operations a second of CPU time (goal ${RATE_GOAL / 1_000},000)`)
  say(`memory  ${megabytes.toFixed(0)} MB at most, the whole process (goal ${MEGABYTES_GOAL})`)
  say(machine)
  process.exitCode = perSecond >= RATE_GOAL && megabytes < MEGABYTES_GOAL && anomalies === 0 ? 0 : 1
})

async function judged(lines: Iterable<string>): Promise<Judged> {
  const limits = [`--max-old-space-size=${HEAP_MEGABYTES}`, `--max-semi-space-size=${YOUNG_MEGABYTES}`]
  const program = fileURLToPath(new URL('checkers-judge.ts', import.meta.url))
  const child = startChild(process.execPath, [...limits, program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('a piped process has its pipes')
  const answer = text(stdout)
  // Its answer shows whether it took everything.
  await pipeline(Readable.from(chunked(lines)), stdin).catch(() => undefined)
  try {
    return JSON.parse(await answer) as Judged
  } catch {
    throw new Error(
      `the judge ended without a verdict: ${child.signalCode ?? child.exitCode ?? 'for an unknown reason'}`,
    )
  }
}

function* chunked(lines: Iterable<string>): Generator<string, void> {
  let chunk = ''
  for (const line of lines) {
    chunk += `${line}\n`
    if (chunk.length < CHUNK_CHARACTERS) continue
    yield chunk
    chunk = ''
  }
  yield chunk
}
