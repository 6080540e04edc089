/**
 * What a request costs with the balancer, beside nginx, HAProxy and bare proxies in front of the same nodes, three that echo and three
 * of the shop: CPU time of the balancing process, latency, and the latency added to the direct way; and what a second worker adds.
 * METHOD.md explains the method.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import { readPlanOptions } from '../harness/command/plan-options.ts'
import { writeResult } from '../harness/command/result-file.ts'
import { cpuMicrosOf } from '../harness/processes/cpu-time.ts'
import { environment } from '../harness/environment.ts'
import { type Measurable, type Measured, measureBlocks } from '../harness/experiment.ts'
import { installPeers, packageVersions } from '../harness/peers.ts'
import { OURS, OURS_AGAIN } from '../harness/command/subject-figures.ts'
import { type Worker, worker } from '../harness/processes/worker.ts'
import { busiestCore } from './busiest-core.ts'
import { balancerLoad, type Load, LOAD_KINDS, type LoadKind } from './load.ts'
import { balancerResult, type Found, type Options, WORKERS, WORKERS_KIND, type WorkersKind } from './result.ts'
import { shopNodes } from './shop-nodes.ts'
import { BARE, type BalancerSubject, DIRECT, type Running, startWithWorkers, SUBJECTS } from './subjects.ts'
import { balancerTable } from './table.ts'

const NODES = 3
const BENCH = {
  command: 'npm run bench:balancer',
  about: 'What a request costs with the balancer, beside nginx, HAProxy and bare proxies.',
  full: { warmUpRequests: 9_600, blocks: 20, requests: 4_800, pacedRequests: 600 },
  quick: { warmUpRequests: 3_600, blocks: 8, requests: 1_200, pacedRequests: 300 },
  subjects: SUBJECTS,
  always: [OURS, OURS_AGAIN, BARE],
  keeps: 'bench/results',
}

const RESULT = fileURLToPath(new URL('../results/balancer.json', import.meta.url))

benchMain(async (args) => {
  const startedAt = new Date()
  const options = readPlanOptions(BENCH, args)
  if (options === undefined) return
  makeOut(options.out)
  const subjects = options.subjects.filter(({ version }) => version !== undefined)
  const absent = options.subjects.filter(({ version }) => version === undefined)
  const missing = Object.fromEntries(absent.map(({ name }) => [name, `Debian: apt-get install ${name}`]))
  for (const [name, hint] of Object.entries(missing)) say(`${name} is left out: it is not on this machine. ${hint}`)
  if (subjects.some(({ installed }) => installed)) await installPeers(say)
  const where = environment(undefined, packageVersions(subjects))
  const found = await measured(options, subjects)
  const result = balancerResult({ startedAt, environment: where, options, subjects, missing, ...found })
  writeResult(options.out, result, balancerTable(result))
  if (options.keep) writeFileSync(RESULT, `${JSON.stringify(result)}\n`)
})

async function measured(
  options: Options,
  subjects: readonly BalancerSubject[],
): Promise<Pick<Found, 'blocks' | 'workerBlocks'>> {
  const running: { stop(): unknown }[] = []
  const kept = <T extends { stop(): unknown }>(each: T): T => {
    running.push(each)
    return each
  }
  try {
    progress(`${NODES} nodes that echo and ${NODES} of the shop start`)
    const load = kept(await balancerLoad())
    const shopPorts = kept(await shopNodes(NODES, options.seed)).ports
    const ports = await echoNodes(kept)
    const measurables = [measurable(DIRECT, direct(ports), direct(shopPorts), load, options)]
    for (const subject of subjects) {
      const [atEcho, atShop] = [kept(await subject.start(ports)), kept(await subject.start(shopPorts))]
      measurables.push(measurable(subject.name, atEcho, atShop, load, options))
    }
    const random = seededRandom(options.seed)
    const blocks = await measureBlocks(measurables, LOAD_KINDS, options, random, progress)
    const byWorkers: Measurable<WorkersKind>[] = []
    for (const [name, workers] of WORKERS) {
      const started = kept(await startWithWorkers(workers, ports))
      byWorkers.push({ name, measure: (kind, requests) => atBusiestCore(started, load, kind, requests) })
    }
    return { blocks, workerBlocks: await measureBlocks(byWorkers, [WORKERS_KIND], options, random, progress) }
  } finally {
    await Promise.all(running.map((each) => each.stop()))
  }
}

function direct(nodePorts: readonly number[]): Running {
  return { port: nodePorts[0] ?? 0, pids: [], stop() {} }
}

async function echoNodes(kept: (node: Worker<{ port: number }>) => Worker<{ port: number }>): Promise<number[]> {
  const file = new URL('node.ts', import.meta.url)
  const starting = Array.from({ length: NODES }, (_, index) =>
    worker<{ port: number }>({ name: `node ${index}`, file, args: [`node-${index}`] }).then(kept),
  )
  return (await Promise.all(starting)).map(({ ready }) => ready.port)
}

function measurable(
  name: string,
  atEcho: Running,
  atShop: Running,
  load: Load,
  { pacedRequests }: Options,
): Measurable<LoadKind> {
  return {
    name,
    async measure(kind, requests) {
      const { port, pids } = kind === 'shop' ? atShop : atEcho
      const sent = kind === 'paced' ? Math.min(requests, pacedRequests) : kind === 'shop' ? requests / 2 : requests
      const before = cpuMicrosOf(pids)
      const { requests: answered, p50Micros, p99Micros } = await load.run({ port, kind, requests: sent })
      return { cpuMicrosPerRequest: (cpuMicrosOf(pids) - before) / answered, p50Micros, p99Micros }
    },
  }
}

async function atBusiestCore(
  { port, pids }: Running,
  load: Load,
  kind: WorkersKind,
  requests: number,
): Promise<Measured> {
  const spent = busiestCore(pids)
  const { requests: answered, p50Micros, p99Micros } = await load.run({ port, kind, requests })
  return { cpuMicrosPerRequest: spent() / answered, p50Micros, p99Micros }
}
