/**
 * What sockets cost: memory of an idle one, CPU of a move, and how long all take to be back when a node is killed.
 *
 *     npm run bench:sockets -- [--strategies replicated,redis] [--sockets 2000] [--moves 300] [--seconds 15]
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { flagsHelp, parseFlags, strategies, until, UsageError } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { countFlag, namesFlag } from '../harness/command/flags.ts'
import { aligned } from '../harness/command/table.ts'
import { type LabProcess, type LabUnderTest, withLab } from '../harness/lab-under-test.ts'
import { cpuMicrosOf } from '../harness/processes/cpu-time.ts'
import { watchOthers } from '../harness/processes/machine-load.ts'
import { cookieOf, customersAt, type Customer, walk } from './customers.ts'
import { type HttpBeside, withHttpBeside } from './http-beside.ts'

const NODES = 3
const SETTLE_MS = 5_000
const CALM_MS = 5_000
const BACK_DEADLINE_MS = 60_000
const WALKERS = 100
const DESCRIPTORS_BESIDE = 150

const FLAGS = {
  strategies: namesFlag(
    strategies.map(({ name }) => name),
    'these strategies (default replicated)',
  ),
  sockets: countFlag('idle sockets in all (default 2000)', 2_000, 20_000),
  moves: countFlag('moves a second (default 300)', 300, 5_000),
  seconds: countFlag('how long idleness and moves are measured (default 15)', 15, 600),
}

const HELP = `npm run bench:sockets -- [flags]

What sockets on the floor cost, with ${NODES} nodes: the memory of an idle socket, the CPU of a move by ${WALKERS} customers, and the time
until everyone is back when a node is killed, with the HTTP requests of one more customer before and meanwhile. The balancer takes two
descriptors for a socket.

${flagsHelp(FLAGS)}`

interface Figures {
  readonly nodeBytesPerSocket: number
  readonly balancerBytesPerSocket: number
  readonly idleNodeMsPerSecond: number
  readonly nodeMicrosPerMove: number
  readonly balancerMicrosPerMove: number
  readonly moves: number
  readonly backMs: number
  readonly largestShare: number
  /** Before the kill, and from it until everyone was back. */
  readonly http: readonly [before: HttpBeside, meanwhile: HttpBeside]
  readonly othersShare: number | undefined
}

benchMain(async (args) => {
  const values = parseFlags('npm run bench:sockets', FLAGS, args)
  if (values === 'help') return say(HELP)
  requireDescriptors(values.sockets)
  const rows: string[][] = []
  for (const strategy of values.strategies ?? ['replicated']) {
    const measure = (lab: LabUnderTest) => figuresOf(strategy, lab, values)
    rows.push(rowOf(strategy, await withLab(strategy, NODES, measure)))
  }
  say(aligned([HEAD, ...rows], HEAD.length - 1))
})

function requireDescriptors(sockets: number): void {
  const [, allowed = 'unlimited'] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  const needed = 2 * sockets + DESCRIPTORS_BESIDE
  if (Number(allowed) >= needed || allowed === 'unlimited') return
  throw new UsageError(
    `--sockets ${sockets}: the balancer needs ${needed} descriptors, and ulimit -n allows ${allowed}`,
  )
}

interface Plan {
  readonly sockets: number
  readonly moves: number
  readonly seconds: number
}

async function figuresOf(strategy: string, { processes, shopUrl }: LabUnderTest, plan: Plan): Promise<Figures> {
  const { sockets, seconds } = plan
  const nodes = processes.filter(({ name }) => name.startsWith('node '))
  const balancer = processes.filter(({ name }) => name === 'balancer')
  const others = watchOthers()
  await sleep(SETTLE_MS)
  const before = { nodes: residentBytes(nodes), balancer: residentBytes(balancer) }
  progress(`${strategy}: ${sockets} sockets are opened`)
  const customers = await customersAt(shopUrl, sockets)
  try {
    await sleep(SETTLE_MS)
    const after = { nodes: residentBytes(nodes), balancer: residentBytes(balancer) }
    progress(`${strategy}: idle for ${seconds} seconds`)
    const idle = await cpuDuring([nodes, balancer], () => sleep(seconds * 1_000, 0))
    progress(`${strategy}: ${plan.moves} moves a second for ${seconds} seconds`)
    const moving = await cpuDuring([nodes, balancer], () =>
      walk(customers, { walkers: Math.min(WALKERS, sockets), movesPerSecond: plan.moves, seconds }),
    )
    const cookie = await cookieOf(shopUrl, 0)
    const calm = await withHttpBeside(shopUrl, cookie, () => sleep(CALM_MS))
    const killed = await withHttpBeside(shopUrl, cookie, () => afterKill(strategy, nodes, customers))
    const perMove = (of: 0 | 1) => (moving.micros[of] - (idle.micros[of] * moving.ms) / idle.ms) / moving.result
    return {
      nodeBytesPerSocket: (after.nodes - before.nodes) / sockets,
      balancerBytesPerSocket: (after.balancer - before.balancer) / sockets,
      idleNodeMsPerSecond: idle.micros[0] / idle.ms / NODES,
      nodeMicrosPerMove: perMove(0),
      balancerMicrosPerMove: perMove(1),
      moves: moving.result,
      ...killed.result,
      http: [calm.http, killed.http],
      othersShare: others(),
    }
  } finally {
    for (const { client } of customers) client.close()
  }
}

/** Kills the first node. */
async function afterKill(strategy: string, nodes: readonly LabProcess[], customers: readonly Customer[]) {
  const [victim] = nodes
  if (victim === undefined) throw new Error('there is no node')
  progress(`${strategy}: ${victim.name} is killed`)
  const killedAtMs = performance.now()
  const hit = customers.filter(({ node }) => `node ${node}` === victim.name)
  process.kill(victim.pid, 'SIGKILL')
  await until(() => hit.every(({ node, backAtMs }) => node !== undefined && backAtMs > killedAtMs), {
    deadlineMs: BACK_DEADLINE_MS,
    what: 'everyone to be back',
  })
  const shares = Object.values(Object.groupBy(customers, ({ node = '' }) => node)).map((at) => at?.length ?? 0)
  return {
    backMs: Math.max(0, ...hit.map(({ backAtMs }) => backAtMs - killedAtMs)),
    largestShare: Math.max(...shares) / customers.length,
  }
}

function microsOf(group: readonly LabProcess[]): number {
  return cpuMicrosOf(group.map(({ pid }) => pid))
}

async function cpuDuring<T>(groups: readonly [readonly LabProcess[], readonly LabProcess[]], act: () => Promise<T>) {
  const [first, second] = groups
  const before = [microsOf(first), microsOf(second)] as const
  const beganMs = performance.now()
  const result = await act()
  const ms = performance.now() - beganMs
  return { result, ms, micros: [microsOf(first) - before[0], microsOf(second) - before[1]] as const }
}

function residentBytes(processes: readonly LabProcess[]): number {
  return processes.reduce((sum, { pid }) => {
    const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return sum + 1_024 * Number(kib)
  }, 0)
}

const HEAD = [
  'strategy',
  'KiB/socket node',
  'balancer',
  'idle node ms/s',
  'us/move nodes',
  'balancer',
  'moves',
  'all back ms',
  'largest share',
  'HTTP p99 ms',
  'HTTP failed',
  '',
]

function rowOf(strategy: string, figures: Figures): string[] {
  const { othersShare, http } = figures
  const [before, meanwhile] = http
  return [
    strategy,
    (figures.nodeBytesPerSocket / 1_024).toFixed(1),
    (figures.balancerBytesPerSocket / 1_024).toFixed(1),
    figures.idleNodeMsPerSecond.toFixed(1),
    figures.nodeMicrosPerMove.toFixed(0),
    figures.balancerMicrosPerMove.toFixed(0),
    String(figures.moves),
    figures.backMs.toFixed(0),
    `${Math.round(100 * figures.largestShare)} %`,
    `${before.p99Ms.toFixed(1)} → ${meanwhile.p99Ms.toFixed(1)}`,
    `${before.failed} of ${before.sent} → ${meanwhile.failed} of ${meanwhile.sent}`,
    othersShare === undefined ? '' : `others had ${Math.round(100 * othersShare)} % of the machine`,
  ]
}
