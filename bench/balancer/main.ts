/**
 * What a request costs with the balancer, beside nginx, HAProxy and bare proxies in front of the same three nodes: CPU time
 * of the balancing process, latency, and what is added to the direct way. METHOD.md says why the figures can be believed.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { balancerLoad, type Load, LOAD_KINDS, type LoadKind } from './load.ts'
import { HELP, type Options, readOptions } from './options.ts'
import type { Running } from './programs.ts'
import { balancerResult, type Found } from './result.ts'
import { type BalancerSubject, DIRECT } from './subjects.ts'
import { balancerTable } from './table.ts'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { cpuMicrosOf } from '../harness/cpu-time.ts'
import { environment } from '../harness/environment.ts'
import { type Measurable, measureBlocks } from '../harness/experiment.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import { installPeers, packageVersions } from '../harness/peers.ts'
import { seededRandom } from '../harness/statistics.ts'
import { worker } from '../harness/worker.ts'

const NODES = 3

async function main(args: readonly string[]): Promise<void> {
  const startedAt = new Date()
  const options = readOptions(args, startedAt)
  if (options === undefined) return say(HELP)
  makeOut(options.out)
  const subjects = options.subjects.filter(({ program }) => program.version !== undefined)
  const missing = options.subjects.filter(({ program }) => program.version === undefined)
  for (const { name, hint = '' } of missing) say(`${name} is left out: it is not on this machine. ${hint}`)
  if (subjects.some(({ installed }) => installed)) await installPeers(say)
  const packages = packageVersions([...new Set(subjects.flatMap((subject) => subject.packages))])
  const where = environment(undefined, packages)
  report({ startedAt, environment: where, options, subjects, missing, blocks: await measured(options, subjects) })
}

async function measured(options: Options, subjects: readonly BalancerSubject[]): Promise<Found['blocks']> {
  const load = await balancerLoad()
  const running: { stop(): void }[] = [load]
  try {
    const nodes = await Promise.all(
      Array.from({ length: NODES }, (_, index) =>
        worker<{ port: number }>({
          name: `node ${index}`,
          file: new URL('node.ts', import.meta.url),
          args: [`node-${index}`],
        }),
      ),
    )
    running.push(...nodes)
    const ports = nodes.map(({ ready }) => ready.port)
    const measurables = [measurable(DIRECT, { port: ports[0] ?? 0, pids: [], stop() {} }, load, options)]
    for (const subject of subjects) {
      const started = await subject.program.start(ports)
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

function report(found: Found): void {
  const result = balancerResult(found)
  const path = join(found.options.out, 'result.json')
  writeFileSync(path, `${JSON.stringify(result, undefined, 2)}\n`)
  progress('done')
  say(`\n${balancerTable(result)}\nWritten to ${path}`)
}

benchMain(main)
