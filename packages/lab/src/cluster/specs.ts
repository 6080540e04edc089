/** How to start each process of a cluster: its program, arguments and environment. */
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ProgramVersion, ServerName } from '@ninelives/history'
import type { ProxyOptions } from '../edges/options.ts'
import { makeDirectory } from '../make-directory.ts'
import { compileCache } from '../run-directory.ts'
import type { ChildSpec } from '../supervise/child.ts'
import { LOOPBACK } from '../supervise/ports.ts'
import type { Trace } from '../trace/trace.ts'
import { FOUNDING_MS } from './addresses.ts'
import type { ClusterOptions } from './options.ts'
import type { Programs } from './programs.ts'
import type { PrivateServer } from './servers/server-kind.ts'

const edgesProgram = fileURLToPath(new URL('../edges/main.ts', import.meta.url))

export interface Upstream {
  readonly name: string
  readonly url: string
}

export interface Specs {
  /** `version` of a run with two versions. */
  readonly node: (name: string, port: number, version: ProgramVersion | undefined) => ChildSpec
  readonly balancer: (port: number, upstreams: readonly Upstream[]) => ChildSpec
  /** Uses the rate and the clock of the trace at that time. */
  readonly users: (target: string, trace: Pick<Trace, 'originNs' | 'state'>) => ChildSpec
  readonly store: (server: PrivateServer, process: StoreProcessOrder) => ChildSpec
  readonly edges: (proxies: readonly ProxyOptions[]) => ChildSpec
}

export interface StoreProcessOrder {
  readonly label: ServerName | 'replica'
  readonly port: number
  /** The port of its primary, if it is a replica. */
  readonly follows: number | undefined
}

export type UsersOptions = Pick<
  ClusterOptions,
  'users' | 'tabs' | 'together' | 'readShare' | 'floor' | 'seed' | 'idempotencyKeys' | 'environment'
> & { readonly programs: Pick<Programs, 'users'> }

/** The environment that records writes, of the processes that write the store's files. */
export interface Recorded {
  readonly nodes?: NodeJS.ProcessEnv
  readonly store?: NodeJS.ProcessEnv
}

/** So that a start that can't succeed is reported soon. */
const STORE_WAIT_MS = 10_000

/** More operations than the users send in one life, so that operation numbers are unique in a run. */
const OPERATIONS_PER_LIFE = 1e9

/** There are at least these accounts, `user-0` and so on. */
const ACCOUNTS_MIN = 100

/** Secrets are made once for a cluster, so that they outlive its processes. */
export function specs(options: ClusterOptions, storeUrlOf: (node: string) => string, power: Recorded = {}): Specs {
  const { programs, users } = options
  const base = baseOf(options.environment)
  const node: NodeJS.ProcessEnv = {
    ...base,
    STORE_WAIT_MS: base['STORE_WAIT_MS'] ?? String(storeWaitMs(options)),
    SESSION_KEYS: secret(),
    MESH_SECRET: secret(),
    COOKIE_SECURE: 'false',
    ACCOUNTS: String(Math.max(ACCOUNTS_MIN, users)),
    PASSWORD_COST: 'low',
    // All clients share one address, which the throttles would soon block.
    LOGIN_THROTTLE: 'off',
    VISITOR_THROTTLE: 'off',
    // The balancer in front writes X-Forwarded-* itself.
    TRUST_PROXY: 'true',
  }
  const balancer: NodeJS.ProcessEnv = { ...base, ROUTING: options.strategy.routing, AFFINITY_KEYS: secret() }
  return {
    node: (name, port, version) =>
      ours(`node-${name}`, version === 'other' ? (programs.otherNode ?? programs.node) : programs.node, {
        ...node,
        ...power.nodes,
        STORE: storeUrlOf(name),
        NODE_NAME: name,
        LAB_URL: options.controlUrl?.(),
        PORT: String(port),
      }),
    balancer: (port, upstreams) =>
      ours('balancer', programs.balancer, {
        ...balancer,
        PORT: String(port),
        UPSTREAMS: upstreams.map(({ name, url }) => `${name}=${url}`).join(','),
      }),
    users: usersSpec(options),
    edges: (edges) => ours('edges', edgesProgram, base, [JSON.stringify({ seed: options.seed, edges })]),
    store({ kind, program, durability }, { label, ...order }) {
      const own = storeDirectory(options, label)
      makeDirectory(own)
      const [command = '', ...args] = kind.command({ program, directory: own, durability, ...order })
      return { label, command, args, environment: { ...options.environment, ...power.store }, channel: false }
    },
  }
}

/** What a store server has on disk. Named after the run, so that it begins without an earlier run's data. */
export function storeDirectory({ directory, run }: ClusterOptions, label: StoreProcessOrder['label']): string {
  return path.join(directory, `${label}-${run}`)
}

/** The spec of the users alone, for a system that the lab does not start. */
export function usersSpec(options: UsersOptions): Specs['users'] {
  const { programs, users, tabs = 1, together = false, readShare, floor = 0, seed, idempotencyKeys = false } = options
  const base = baseOf(options.environment)
  let lives = 0
  return (target, { originNs, state }) => {
    const firstOp = lives++ * OPERATIONS_PER_LIFE
    const { rate } = state.users
    const usersOptions = {
      target,
      users,
      tabs,
      together,
      rate,
      readShare,
      floor,
      seed,
      idempotencyKeys,
      firstOp,
      originNs: String(originNs),
    }
    return ours('users', programs.users, base, [JSON.stringify(usersOptions)])
  }
}

function baseOf(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    NODE_COMPILE_CACHE: compileCache,
    ...environment,
    // A cluster on loopback uses plain HTTP, over which clients don't send Secure cookies.
    NODE_ENV: 'development',
    HOST: LOOPBACK,
  }
}

/** One of our programs, on the Node that runs the lab. */
function ours(label: string, program: string, environment: NodeJS.ProcessEnv, args: readonly string[] = []): ChildSpec {
  return { label, command: process.execPath, args: [program, ...args], environment, channel: true }
}

function secret(): string {
  return randomBytes(32).toString('base64url')
}

function storeWaitMs({ strategy: { store } }: ClusterOptions): number {
  return typeof store === 'object' && 'mesh' in store ? FOUNDING_MS : STORE_WAIT_MS
}
