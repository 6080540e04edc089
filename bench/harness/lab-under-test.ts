/** `npm start` as a process tree, for benches that look at its processes. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort, httpGet, until } from '@ninelives/lab'
import { startChild } from './processes/children.ts'
import { processTree } from './processes/process-tree.ts'

export interface LabProcess {
  readonly name: string
  readonly pid: number
}

export interface LabUnderTest {
  /** Every process beneath the lab, and the lab. A node is called `node NAME`. */
  readonly processes: readonly LabProcess[]
  /** Where users come in. */
  readonly shopUrl: string
  /** The live page. */
  readonly controlUrl: string
  /** The file of its trace, which grows. */
  readonly trace: string
}

export interface LabUsers {
  readonly users: number
  readonly rate: number
}

const READY_DEADLINE_MS = 60_000
const STOP_DEADLINE_MS = 15_000
const CLI = fileURLToPath(new URL('../../packages/lab/src/cli.ts', import.meta.url))

/** Runs `use` when all nodes serve. Default: without virtual users. */
export async function withLab<T>(
  strategy: string,
  nodes: number,
  use: (lab: LabUnderTest) => Promise<T>,
  { users, rate }: LabUsers = { users: 0, rate: 1 },
): Promise<T> {
  const logs = mkdtempSync(path.join(tmpdir(), 'ninelives-lab-'))
  const controlPort = await freePort()
  const flags = { strategy, nodes, users, rate, port: 0, 'control-port': controlPort, logs }
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
  const lab = startChild(process.execPath, [CLI, 'up', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = once(lab, 'exit')
  try {
    const early = ended.then(() => Promise.reject(new Error(`npm start with ${strategy} ended`)))
    const served = await Promise.race([serving(lab.pid ?? 0, controlPort, nodes), early])
    return await use({ ...served, trace: path.join(logs, 'trace.ndjson') })
  } finally {
    lab.kill('SIGTERM')
    await Promise.race([ended, sleep(STOP_DEADLINE_MS)])
    rmSync(logs, { recursive: true, force: true })
  }
}

async function serving(labPid: number, controlPort: number, nodes: number): Promise<Omit<LabUnderTest, 'trace'>> {
  const controlUrl = `http://127.0.0.1:${controlPort}`
  const names = new Map([[labPid, 'lab']])
  let shopUrl = ''
  const serves = async (): Promise<boolean> => {
    const answer = await httpGet(`${controlUrl}/api/cluster`, { timeoutMs: 1_000 })
    if (answer?.status !== 200) return false
    const cluster = JSON.parse(answer.body) as {
      balancer: { url: string; pid: number | null }
      nodes: { name: string; pid: number | null; state: string }[]
    }
    const up = cluster.nodes.filter(({ state }) => state === 'up')
    for (const { name, pid } of up) names.set(pid ?? 0, `node ${name}`)
    names.set(cluster.balancer.pid ?? 0, 'balancer')
    shopUrl = cluster.balancer.url
    return up.length === nodes && cluster.balancer.pid !== null
  }
  await until(serves, { deadlineMs: READY_DEADLINE_MS, what: 'every node to serve' })
  const processes = processTree(labPid).map((pid) => ({ pid, name: names.get(pid) ?? commandOf(pid) }))
  return { processes, shopUrl, controlUrl }
}

/** A process that set a title shows that as its command. */
function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
}
