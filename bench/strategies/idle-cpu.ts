/**
 * What every process of `npm start` costs without any users, for each strategy: milliseconds of CPU a second, and how often a
 * second it is woken. A wake-up of a process costs some 90 microseconds on a virtual machine, however little it does.
 *
 *     node bench/strategies/idle-cpu.ts [--strategies memory,redis] [--nodes 3] [--seconds 60]
 */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { flagsHelp, freePort, httpGet, parseFlags, strategies, until } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { countFlag, namesFlag } from '../harness/command/flags.ts'
import { aligned } from '../harness/command/table.ts'
import { startChild } from '../harness/processes/children.ts'
import { watchOthers } from '../harness/processes/machine-load.ts'
import { processTree } from '../harness/processes/process-tree.ts'
import { cpuMicrosOf } from '../harness/processes/cpu-time.ts'
import { wakeUpsOf } from '../harness/processes/wake-ups.ts'

interface IdleProcess {
  readonly name: string
  readonly pid: number
}

interface IdleCost {
  readonly name: string
  readonly cpuMsPerSecond: number
  readonly wakeUpsPerSecond: number
}

/** Milliseconds of CPU a second. */
const GOALS: Readonly<Record<string, number>> = { node: 3, balancer: 5 }
const READY_DEADLINE_MS = 60_000
/** Compilation and the collection of the start's garbage go on for some seconds. */
const SETTLE_MS = 15_000
const STOP_DEADLINE_MS = 15_000
const CLI = fileURLToPath(new URL('../../packages/lab/src/cli.ts', import.meta.url))

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
the balancer more than ${GOALS['balancer']}.

${flagsHelp(FLAGS)}`

benchMain(async (args) => {
  const values = parseFlags('npm run bench:idle', FLAGS, args)
  if (values === 'help') return say(HELP)
  const { nodes, seconds } = values
  for (const strategy of values.strategies ?? strategies.map(({ name }) => name)) {
    progress(`${strategy}: ${nodes} nodes start, and are idle for ${SETTLE_MS / 1_000} and ${seconds} seconds`)
    const { costs, othersShare } = await measured(strategy, nodes, seconds)
    say(table(strategy, costs, othersShare))
    if (costs.some((cost) => isOver(cost))) process.exitCode = 1
  }
})

async function measured(strategy: string, nodes: number, seconds: number) {
  const logs = mkdtempSync(path.join(tmpdir(), 'ninelives-idle-'))
  const controlPort = await freePort()
  const flags = ['--strategy', strategy, '--nodes', nodes, '--users', 0, '--port', 0, '--control-port', controlPort]
  const lab = startChild(process.execPath, [CLI, 'up', ...flags.map(String), '--logs', logs], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = once(lab, 'exit')
  try {
    const early = ended.then(() => Promise.reject(new Error(`npm start with ${strategy} ended`)))
    const processes = await Promise.race([idleProcesses(lab.pid ?? 0, controlPort, nodes), early])
    await sleep(SETTLE_MS)
    const others = watchOthers()
    const end = processes.map(meter)
    await sleep(seconds * 1_000)
    return { costs: end.map((cost) => cost()), othersShare: others() }
  } finally {
    lab.kill('SIGTERM')
    await Promise.race([ended, sleep(STOP_DEADLINE_MS)])
    rmSync(logs, { recursive: true, force: true })
  }
}

/** Every process beneath the lab, when all nodes serve. */
async function idleProcesses(labPid: number, controlPort: number, nodes: number): Promise<readonly IdleProcess[]> {
  const names = new Map([[labPid, 'lab']])
  const serves = async (): Promise<boolean> => {
    const answer = await httpGet(`http://127.0.0.1:${controlPort}/api/cluster`, { timeoutMs: 1_000 })
    if (answer?.status !== 200) return false
    const cluster = JSON.parse(answer.body) as {
      balancer: { pid: number | null }
      nodes: { name: string; pid: number | null; state: string }[]
    }
    const up = cluster.nodes.filter(({ state }) => state === 'up')
    for (const { name, pid } of up) names.set(pid ?? 0, `node ${name}`)
    names.set(cluster.balancer.pid ?? 0, 'balancer')
    return up.length === nodes && cluster.balancer.pid !== null
  }
  await until(serves, { deadlineMs: READY_DEADLINE_MS, what: 'every node to serve' })
  return processTree(labPid).map((pid) => ({ pid, name: names.get(pid) ?? commandOf(pid) }))
}

/** A process that set a title shows that as its command. */
function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
}

function meter({ name, pid }: IdleProcess): () => IdleCost {
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
