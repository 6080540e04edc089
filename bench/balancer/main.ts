/**
 * What a request costs with the balancer, beside nginx, HAProxy and bare proxies in front of the same three nodes: CPU time
 * of the balancing process, latency, and the latency added to the direct way. METHOD.md explains the method.
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
import { type Measurable, measureBlocks } from '../harness/experiment.ts'
import { installPeers, packageVersions } from '../harness/peers.ts'
import { OURS, OURS_AGAIN } from '../harness/command/subject-figures.ts'
import { worker } from '../harness/processes/worker.ts'
import { balancerLoad, type Load, LOAD_KINDS, type LoadKind } from './load.ts'
import { balancerResult, type Found, type Options } from './result.ts'
import { BARE, type BalancerSubject, DIRECT, type Running, SUBJECTS } from './subjects.ts'
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
  const blocks = await measured(options, subjects)
  const result = balancerResult({ startedAt, environment: where, options, subjects, missing, blocks })
  writeResult(options.out, result, balancerTable(result))
  if (options.keep) writeFileSync(RESULT, `${JSON.stringify(result)}\n`)
})

async function measured(options: Options, subjects: readonly BalancerSubject[]): Promise<Found['blocks']> {
  const load = await balancerLoad()
  const running: { stop(): void }[] = [load]
  try {
    const file = new URL('node.ts', import.meta.url)
    const starting = Array.from({ length: NODES }, (_, index) =>
      worker<{ port: number }>({ name: `node ${index}`, file, args: [`node-${index}`] }),
    )
    const nodes = await Promise.all(starting)
    running.push(...nodes)
    const ports = nodes.map(({ ready }) => ready.port)
    const measurables = [measurable(DIRECT, { port: ports[0] ?? 0, pids: [], stop() {} }, load, options)]
    for (const subject of subjects) {
      const started = await subject.start(ports)
      running.push(started)
      measurables.push(measurable(subject.name, started, load, options))
    }
    return await measureBlocks(measurables, LOAD_KINDS, options, seededRandom(options.seed), progress)
  } finally {
    for (const each of running) each.stop()
  }
}

function measurable(name: string, { port, pids }: Running, load: Load, options: Options): Measurable<LoadKind> {
  return {
    name,
    async measure(kind, requests) {
      const before = cpuMicrosOf(pids)
      const sent = kind === 'paced' ? Math.min(requests, options.pacedRequests) : requests
      const { requests: answered, p50Micros, p99Micros } = await load.run({ port, kind, requests: sent })
      return { cpuMicrosPerRequest: (cpuMicrosOf(pids) - before) / answered, p50Micros, p99Micros }
    },
  }
}
