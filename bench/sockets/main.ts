/** What sockets cost: memory of an idle one, CPU of a move, and how long all take to be back when a node is killed. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { flagsHelp, parseFlags, strategies, switchFlag, until, UsageError } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { countFlag, namesFlag, outDirectory, outFlag } from '../harness/command/flags.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import { aligned } from '../harness/command/table.ts'
import { environment } from '../harness/environment.ts'
import { type LabProcess, type LabUnderTest, withLab } from '../harness/lab-under-test.ts'
import { cpuMicrosOf } from '../harness/processes/cpu-time.ts'
import { watchOthers } from '../harness/processes/machine-load.ts'
import { cookieOf, customersAt, type Customer, walk } from './customers.ts'
import { withHttpBeside } from './http-beside.ts'
import { SOCKETS_SCHEMA, type SocketsResult, type SocketsRow, socketsRows, withSockets } from './result.ts'

const NODES = 3
/** Compiled code and loaded modules belong to no socket and no move. */
const WARM_UP_S = 20
/** Longer than a mesh stays awake, and than V8 waits to collect what is left of a load. */
const SETTLE_MS = 15_000
const CALM_MS = 5_000
const BACK_DEADLINE_MS = 60_000
const WALKERS = 100
const DESCRIPTORS_BESIDE = 150

const RESULT = fileURLToPath(new URL('../results/sockets.json', import.meta.url))
const PAGE = fileURLToPath(new URL('../../docs/reference/sockets.md', import.meta.url))
const COMMAND = 'npm run bench:sockets'

const FLAGS = {
  strategies: namesFlag(
    strategies.map(({ name }) => name),
    'these strategies (default replicated)',
  ),
  sockets: countFlag('idle sockets in all (default 2000)', 2_000, 20_000),
  moves: countFlag('moves a second (default 300)', 300, 5_000),
  seconds: countFlag('how long idleness and moves are measured (default 15)', 15, 600),
  out: outFlag,
  keep: switchFlag('puts the result into bench/results and its table into docs/reference/sockets.md'),
}

const HELP = `${COMMAND} -- [flags]

What sockets on the floor cost, with ${NODES} nodes: the memory of an idle socket, the CPU of a move by ${WALKERS} customers, and the time
until everyone is back when a node is killed, with the HTTP requests of one more customer before and meanwhile. The balancer takes two
descriptors for a socket.

${flagsHelp(FLAGS)}`

benchMain(async (args) => {
  const values = parseFlags(COMMAND, FLAGS, args)
  if (values === 'help') return say(HELP)
  requireDescriptors(values.sockets)
  const startedAt = new Date()
  const out = outDirectory(values.out, startedAt)
  makeOut(out)
  const file = join(out, 'result.json')
  const where = environment(undefined, {})
  const rows: SocketsRow[] = []
  const result = (): SocketsResult => ({
    schema: SOCKETS_SCHEMA,
    startedAt: startedAt.toISOString(),
    environment: where,
    rows,
  })
  for (const strategy of values.strategies ?? ['replicated']) {
    rows.push(await withLab(strategy, NODES, (lab) => rowOf(strategy, lab, values)))
    writeFileSync(file, `${JSON.stringify(result(), undefined, 2)}\n`)
  }
  say(`\n${aligned(socketsRows(result()), 1)}\nWritten to ${file}`)
  if (!values.keep) return
  writeFileSync(RESULT, `${JSON.stringify(result(), undefined, 2)}\n`)
  writeFileSync(PAGE, withSockets(readFileSync(PAGE, 'utf8'), result()))
  say('The table of docs/reference/sockets.md is up to date')
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

async function rowOf(strategy: string, { processes, shopUrl }: LabUnderTest, plan: Plan): Promise<SocketsRow> {
  const { sockets, seconds } = plan
  const nodes = processes.filter(({ name }) => name.startsWith('node '))
  const balancer = processes.filter(({ name }) => name === 'balancer')
  progress(`${strategy}: warms up`)
  await warmUp(shopUrl, plan)
  await sleep(SETTLE_MS)
  const others = watchOthers()
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
      strategy,
      sockets,
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

/** The same moves over few sockets, so that the memory of the others is still to be measured. */
async function warmUp(shopUrl: string, { sockets, moves }: Plan): Promise<void> {
  const walkers = Math.min(WALKERS, sockets)
  const customers = await customersAt(shopUrl, walkers)
  try {
    await walk(customers, { walkers, movesPerSecond: moves, seconds: WARM_UP_S })
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
    hit: hit.length,
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
