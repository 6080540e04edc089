/** The subjects of the bench of the balancer: each in front of the same three nodes. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort } from '@ninelives/lab'
import { startChild } from '../harness/processes/children.ts'
import { programVersion } from '../harness/peers.ts'
import { processTree } from '../harness/processes/process-tree.ts'
import { OURS, OURS_AGAIN } from '../harness/command/subject-figures.ts'
import type { LoadKind } from './load.ts'

export interface Running {
  readonly port: number
  /** The processes whose time it takes. */
  readonly pids: readonly number[]
  stop(): void
}

export interface BalancerSubject {
  readonly name: string
  readonly title: string
  /** Packages whose versions go into the result. */
  readonly packages: readonly string[]
  /** Needs the packages of peers/. */
  readonly installed: boolean
  /** Undefined when it is not on this machine. */
  readonly version: string | undefined
  start(nodePorts: readonly number[]): Promise<Running>
}

/** The most that one subject may take of another's CPU time, at each of these kinds of load. */
export interface Goal {
  readonly of: string
  readonly to: string
  readonly kinds: readonly LoadKind[]
  readonly ratioMax: number
}

export const BARE = 'http-proxy'
/** The way straight to a node, with which added latency is compared. */
export const DIRECT = 'direct'
export const UNDICI = 'ninelives-undici'
export const ADDED_P50_MICROS_MAX = 1_000
export const CPU_KINDS = ['get', 'post', 'shop'] as const satisfies readonly LoadKind[]

export const GOALS: readonly Goal[] = [
  { of: OURS, to: BARE, kinds: [...CPU_KINDS, 'paced'], ratioMax: 1 },
  { of: UNDICI, to: BARE, kinds: CPU_KINDS, ratioMax: 0.55 },
  { of: UNDICI, to: 'nginx', kinds: CPU_KINDS, ratioMax: 3 },
]
/** Two workers serve at least 1.7 times as much as one where neither waits for a core. */
export const TWO_WORKERS_CORE_RATIO_MAX = 1 / 1.7

const READY_DEADLINE_MS = 60_000
const AFFINITY_KEYS = 'a signing key for a benchmark and for nothing else'

export const SUBJECTS: readonly BalancerSubject[] = [
  ours(OURS, 'ninelives, http-proxy', 'http-proxy'),
  ours(OURS_AGAIN, 'ninelives, http-proxy (A/A)', 'http-proxy'),
  ours(UNDICI, 'ninelives, undici', 'undici'),
  bare(BARE, 'http-proxy, bare', false),
  bare('http-proxy-3', 'http-proxy-3, bare', true),
  bare('httpxy', 'httpxy, bare', true),
  installedProgram('nginx', 'nginx, one worker'),
  installedProgram('haproxy', 'HAProxy, one thread'),
]

function ours(name: string, title: string, transport: string): BalancerSubject {
  const start = (nodes: readonly number[]): Promise<Running> => startOurs(name, nodes, { TRANSPORT: transport })
  return { name, title, packages: [transport], installed: false, version: process.version, start }
}

/** With its workers among the processes. */
export async function startWithWorkers(workers: number, nodes: readonly number[]): Promise<Running> {
  const running = await startOurs(`ninelives, ${workers} workers`, nodes, { WORKERS: String(workers) })
  return { ...running, pids: running.pids.flatMap((pid) => processTree(pid)) }
}

function startOurs(name: string, nodes: readonly number[], env: Readonly<Record<string, string>>): Promise<Running> {
  const file = fileURLToPath(import.meta.resolve('@ninelives/balancer/main'))
  return started(name, file, nodes, { AFFINITY_KEYS, LOG_LEVEL: 'info', ...env })
}

function bare(name: string, title: string, installed: boolean): BalancerSubject {
  const file = peer(`bare-${name}.ts`)
  const start = (nodes: readonly number[]): Promise<Running> => started(name, file, nodes)
  return { name, title, packages: [name], installed, version: process.version, start }
}

/** As in the bench of strategies: a program of Node starts it, whose own time does not count. */
function installedProgram(name: 'nginx' | 'haproxy', title: string): BalancerSubject {
  async function start(nodes: readonly number[]): Promise<Running> {
    const front = await started(name, peer(`cluster/${name}.ts`), nodes, { PORT: String(await freePort()) })
    return { ...front, pids: front.pids.flatMap((pid) => processTree(pid).slice(1)) }
  }
  return { name, title, packages: [], installed: false, version: programVersion(name), start }
}

function peer(file: string): string {
  return fileURLToPath(new URL(`../peers/${file}`, import.meta.url))
}

/** In an environment of its own. Its log is read, as a service's would be, and dropped. */
async function started(
  name: string,
  file: string,
  nodePorts: readonly number[],
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const UPSTREAMS = nodePorts.map((port, index) => `node-${index}=http://127.0.0.1:${port}`).join(',')
  const { PATH = '' } = process.env
  const child = startChild(process.execPath, [file], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { NODE_ENV: 'production', PATH, PORT: '0', UPSTREAMS, ...env },
  })
  child.stdout?.resume()
  // The end of the channel ends it, and the program that it started.
  const stop = (): void => {
    if (child.connected) child.disconnect()
  }
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${name} ended before it was ready`)
  })
  try {
    const ready = once(child, 'message', { signal: AbortSignal.timeout(READY_DEADLINE_MS) })
    const [{ url }] = (await Promise.race([ready, ended])) as [{ url: string }]
    // A later end is not an error.
    ended.catch(() => {})
    return { port: Number(new URL(url).port), pids: [child.pid ?? 0], stop }
  } catch (error) {
    stop()
    throw error
  }
}
