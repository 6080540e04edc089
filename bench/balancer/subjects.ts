/** What the bench of the balancer compares: each in front of the same three nodes. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LoadKind } from './load.ts'
import { haproxy, nginx, type Program, type Running } from './programs.ts'
import { startChild } from '../harness/children.ts'

export interface BalancerSubject {
  readonly name: string
  readonly title: string
  /** Packages whose versions go into the result. */
  readonly packages: readonly string[]
  /** Needs what is installed in peers/. */
  readonly installed: boolean
  /** How to get it, where it is a program that may be missing. */
  readonly hint?: string
  readonly program: Program
}

/** The most that one subject may take of another's processor time, with a body or without. */
export interface Goal {
  readonly of: string
  readonly to: string
  readonly ratioMax: number
}

export const OURS = 'ninelives'
/** And this is the same once more: what it seems to differ by is the error of the measurement. */
export const OURS_AGAIN = 'ninelives-again'
export const BARE = 'http-proxy'
/** The goals on added latency are of this one, which is no balancer but one of the nodes. */
export const DIRECT = 'direct'
export const ADDED_P50_MICROS_MAX = 1_000
export const CPU_KINDS = ['get', 'post'] as const satisfies readonly LoadKind[]

export const GOALS: readonly Goal[] = [
  { of: OURS, to: BARE, ratioMax: 1.1 },
  { of: 'ninelives-undici', to: BARE, ratioMax: 0.6 },
  { of: 'ninelives-undici', to: 'nginx', ratioMax: 4 },
]

const READY_DEADLINE_MS = 15_000

export const SUBJECTS: readonly BalancerSubject[] = [
  ours(OURS, 'ninelives, http-proxy', 'http-proxy'),
  ours(OURS_AGAIN, 'ninelives, http-proxy (A/A)', 'http-proxy'),
  ours('ninelives-undici', 'ninelives, undici', 'undici'),
  bare(BARE, 'http-proxy, bare', 'bare-http-proxy.ts', false),
  bare('http-proxy-3', 'http-proxy-3, bare', 'bare-http-proxy-3.ts', true),
  bare('httpxy', 'httpxy, bare', 'bare-httpxy.ts', true),
  { ...plain('nginx', 'nginx, one worker'), hint: 'Debian: apt-get install nginx', program: nginx() },
  { ...plain('haproxy', 'HAProxy, one thread'), hint: 'Debian: apt-get install haproxy', program: haproxy() },
]

function ours(name: string, title: string, transport: string): BalancerSubject {
  const file = fileURLToPath(import.meta.resolve('@ninelives/balancer/main'))
  const start = (nodePorts: readonly number[]): Promise<Running> => {
    const upstreams = nodePorts.map((port, index) => `node-${index}=http://127.0.0.1:${port}`).join(',')
    return startedByNode(name, [file], { UPSTREAMS: upstreams, PORT: '0', TRANSPORT: transport, LOG_LEVEL: 'info' })
  }
  return { ...plain(name, title), packages: [transport], program: { version: process.version, start } }
}

function bare(name: string, title: string, file: string, installed: boolean): BalancerSubject {
  const path = fileURLToPath(new URL(`../peers/${file}`, import.meta.url))
  const start = (nodePorts: readonly number[]): Promise<Running> =>
    startedByNode(name, [path, ...nodePorts.map((port) => `http://127.0.0.1:${port}`)], {})
  return { ...plain(name, title), packages: [name], installed, program: { version: process.version, start } }
}

function plain(name: string, title: string) {
  return { name, title, packages: [], installed: false }
}

/** Nobody's NODE_OPTIONS or DEBUG changes what is measured. Its log is read, as a service's would be, and dropped. */
export async function startedByNode(
  name: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<Running> {
  const child = startChild(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { NODE_ENV: 'production', AFFINITY_KEYS: 'a signing key for a benchmark and for nothing else', ...env },
  })
  child.stdout?.resume()
  const stop = (): void => void child.kill('SIGKILL')
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${name} ended before it was ready`)
  })
  try {
    const ready = once(child, 'message', { signal: AbortSignal.timeout(READY_DEADLINE_MS) })
    const [message] = (await Promise.race([ready, ended])) as [{ port?: number; url?: string }]
    const port = message.port ?? Number(new URL(message.url ?? '').port)
    // That it ends later, when it is stopped, is nobody's error.
    ended.catch(() => {})
    return { port, pids: [child.pid ?? 0], stop }
  } catch (error) {
    stop()
    throw error
  }
}
