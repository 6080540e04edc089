/**
 * What every process of `npm start` costs without any users, for each strategy: milliseconds of CPU a second, and how often a
 * second it is woken. A wake-up of a process costs some 90 microseconds on a virtual machine, however little it does.
 *
 *     npm run bench:idle -- [--strategies memory,redis] [--nodes 3] [--seconds 60]
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { flagsHelp, parseFlags, strategies } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { countFlag, namesFlag } from '../harness/command/flags.ts'
import { aligned } from '../harness/command/table.ts'
import { type LabProcess, withLab } from '../harness/lab-under-test.ts'
import { watchOthers } from '../harness/processes/machine-load.ts'
import { cpuMicrosOf } from '../harness/processes/cpu-time.ts'
import { wakeUpsOf } from '../harness/processes/wake-ups.ts'
import { withBareServer } from './bare-server.ts'

interface IdleCost {
  readonly name: string
  readonly cpuMsPerSecond: number
  readonly wakeUpsPerSecond: number
}

/** Milliseconds of CPU a second. */
const GOALS: Readonly<Record<string, number>> = { node: 3, balancer: 5 }
const BARE = 'a bare Node server, probed as often'
/** Compilation and the collection of the start's garbage go on for some seconds. */
const SETTLE_MS = 15_000

const FLAGS = {
  strategies: namesFlag(
    strategies.map(({ name }) => name),
    'these strategies (default all)',
  ),
  nodes: countFlag('nodes (default 3)', 3, 12),
  seconds: countFlag('how long each is measured (default 60)', 60, 3_600),
}

const HELP = `npm run bench:idle -- [flags]

What each process of npm start costs without any users. Exits with 1 if a node takes more than ${GOALS['node']} ms of CPU a second, or
the balancer more than ${GOALS['balancer']}. A wake-up costs more on one machine than on another, so a bare Node server that is
probed as often comes first.

${flagsHelp(FLAGS)}`

benchMain(async (args) => {
  const values = parseFlags('npm run bench:idle', FLAGS, args)
  if (values === 'help') return say(HELP)
  const { nodes, seconds } = values
  progress(`a bare Node server is idle for ${SETTLE_MS / 1_000} and ${seconds} seconds`)
  const bare = await withBareServer((pid) => idle([{ name: BARE, pid }], seconds))
  say(table('for comparison', bare.costs, bare.othersShare))
  for (const strategy of values.strategies ?? strategies.map(({ name }) => name)) {
    progress(`${strategy}: ${nodes} nodes start, and are idle for ${SETTLE_MS / 1_000} and ${seconds} seconds`)
    const { costs, othersShare } = await measured(strategy, nodes, seconds)
    say(table(strategy, costs, othersShare))
    if (costs.some((cost) => isOver(cost))) process.exitCode = 1
  }
})

async function measured(strategy: string, nodes: number, seconds: number) {
  return await withLab(strategy, nodes, ({ processes }) => idle(processes, seconds))
}

async function idle(processes: readonly LabProcess[], seconds: number) {
  await sleep(SETTLE_MS)
  const others = watchOthers()
  const end = processes.map(meter)
  await sleep(seconds * 1_000)
  return { costs: end.map((cost) => cost()), othersShare: others() }
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

function isOver({ name, cpuMsPerSecond }: IdleCost): boolean {
  return cpuMsPerSecond > (GOALS[name.split(' ', 1).join()] ?? Infinity)
}

function table(strategy: string, costs: readonly IdleCost[], othersShare: number | undefined): string {
  const row = (cost: IdleCost): string[] => [
    `  ${cost.name}`,
    cost.cpuMsPerSecond.toFixed(1),
    cost.wakeUpsPerSecond.toFixed(1),
    isOver(cost) ? 'over its goal' : '',
  ]
  const sum = (figure: (cost: IdleCost) => number) => costs.reduce((total, cost) => total + figure(cost), 0)
  const rows = [
    [
      strategy,
      'CPU ms/s',
      'wake-ups/s',
      othersShare === undefined ? '' : `others had ${Math.round(100 * othersShare)} %`,
    ],
    ...costs.map(row),
    ['  all', sum((cost) => cost.cpuMsPerSecond).toFixed(1), sum((cost) => cost.wakeUpsPerSecond).toFixed(1), ''],
  ]
  return aligned(rows, 3)
}
