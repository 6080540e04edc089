/**
 * What every process of `npm start` costs without any users, for each strategy: milliseconds of CPU a second, and how often a
 * second it is woken: `npm run bench:idle`. A wake-up of a process costs some 90 microseconds on a virtual machine, however little it does.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { flagsHelp, parseFlags, strategies, switchFlag } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { countFlag, namesFlag, outDirectory, outFlag } from '../harness/command/flags.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import { environment } from '../harness/environment.ts'
import { type LabProcess, withLab } from '../harness/lab-under-test.ts'
import { watchOthers } from '../harness/processes/machine-load.ts'
import { cpuMicrosOf } from '../harness/processes/cpu-time.ts'
import { wakeUpsOf } from '../harness/processes/wake-ups.ts'
import { withBareServer } from './bare-server.ts'
import {
  BARE,
  GOALS,
  IDLE_SCHEMA,
  type IdleCost,
  type IdleResult,
  type IdleRow,
  isOver,
  rowTable,
  withIdle,
} from './result.ts'

/** Compilation and the collection of the start's garbage go on for some seconds. */
const SETTLE_MS = 15_000
const COMMAND = 'npm run bench:idle'
const RESULT = fileURLToPath(new URL('../results/idle.json', import.meta.url))
const PAGE = fileURLToPath(new URL('../README.md', import.meta.url))

const FLAGS = {
  strategies: namesFlag(
    strategies.map(({ name }) => name),
    'these strategies (default all)',
  ),
  nodes: countFlag('nodes (default 3)', 3, 12),
  seconds: countFlag('how long each is measured (default 60)', 60, 3_600),
  out: outFlag,
  keep: switchFlag('puts the result into bench/results and its table into bench/README.md'),
}

const HELP = `${COMMAND} -- [flags]

What each process of npm start costs without any users. Exits with 1 if a node takes more than ${GOALS['node']} ms of CPU a second, or
the balancer more than ${GOALS['balancer']}. A wake-up costs more on one machine than on another, so a bare Node server that is
probed as often comes first. It takes a minute and a half for each strategy.

${flagsHelp(FLAGS)}`

let left: string | undefined

benchMain(
  async (args) => {
    const values = parseFlags(COMMAND, FLAGS, args)
    if (values === 'help') return say(HELP)
    const { nodes, seconds, keep } = values
    const names = values.strategies ?? strategies.map(({ name }) => name)
    const startedAt = new Date()
    const out = outDirectory(values.out, startedAt)
    makeOut(out)
    const file = join(out, 'result.json')
    const result: IdleResult & { rows: IdleRow[] } = {
      schema: IDLE_SCHEMA,
      bench: 'idle',
      startedAt: startedAt.toISOString(),
      environment: environment(undefined, {}),
      nodes,
      seconds,
      rows: [],
    }
    for (const [index, title] of [BARE, ...names].entries()) {
      progress(`${index} of ${names.length}: ${title}, idle for ${SETTLE_MS / 1_000} and ${seconds} seconds`)
      const row = title === BARE ? await idleServer(seconds) : await idleCluster(title, nodes, seconds)
      result.rows.push(row)
      writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`)
      left = `what was measured is in ${file}`
      say(rowTable(row))
      if (row.costs.some((cost) => isOver(cost))) process.exitCode = 1
    }
    say(`Written to ${file}`)
    if (!keep) return
    writeFileSync(RESULT, `${JSON.stringify(result, undefined, 2)}\n`)
    writeFileSync(PAGE, withIdle(readFileSync(PAGE, 'utf8'), result))
    say('The table of bench/README.md is up to date')
  },
  { left: () => left },
)

function idleServer(seconds: number): Promise<IdleRow> {
  return withBareServer((pid) => idle(BARE, [{ name: BARE, pid }], seconds))
}

function idleCluster(strategy: string, nodes: number, seconds: number): Promise<IdleRow> {
  return withLab(strategy, nodes, ({ processes }) => idle(strategy, processes, seconds))
}

async function idle(title: string, processes: readonly LabProcess[], seconds: number): Promise<IdleRow> {
  await sleep(SETTLE_MS)
  const others = watchOthers()
  const end = processes.map(meter)
  await sleep(seconds * 1_000)
  return { title, costs: end.map((cost) => cost()), othersShare: others() ?? 0 }
}

function meter({ name, pid }: LabProcess): () => IdleCost {
  const beganMs = performance.now()
  const cpuMicros = cpuMicrosOf([pid])
  const wakeUps = wakeUpsOf(pid)
  return () => {
    const seconds = (performance.now() - beganMs) / 1_000
    return {
      name,
      cpuMsPerSecond: (cpuMicrosOf([pid]) - cpuMicros) / 1_000 / seconds,
      wakeUpsPerSecond: (wakeUpsOf(pid) - wakeUps) / seconds,
    }
  }
}
