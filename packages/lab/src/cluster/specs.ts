/** What each process of a cluster is, as data: its program, and what it is told. */
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EdgeTold } from '../edges/options.ts'
import { projectRoot } from '../run-directory.ts'
import type { ChildSpec } from '../supervise/child.ts'
import { LOOPBACK } from '../supervise/ports.ts'
import type { Trace } from '../trace/trace.ts'
import type { ClusterOptions } from './options.ts'
import type { Programs } from './programs.ts'
import { privateRedis, type RedisTold } from './redis.ts'

const edgesProgram = fileURLToPath(new URL('../edges/main.ts', import.meta.url))

export interface Upstream {
  readonly name: string
  readonly url: string
}

export interface Specs {
  readonly node: (name: string, port: number) => ChildSpec
  readonly balancer: (port: number, upstreams: readonly Upstream[]) => ChildSpec
  /** At the rate, and on the clock, that the trace has at that time. */
  readonly users: (target: string, trace: Pick<Trace, 'originNs' | 'state'>) => ChildSpec
  readonly redis: (told: RedisTold) => ChildSpec
  readonly edges: (told: readonly EdgeTold[]) => ChildSpec
}

export type UsersOptions = Pick<
  ClusterOptions,
  'users' | 'tabs' | 'readShare' | 'seed' | 'idempotencyKeys' | 'environment'
> & { readonly programs: Pick<Programs, 'users'> }

/** More than the users send before they are started again, so that no operation has the number of another. */
const OPERATIONS_PER_LIFE = 1e9

/** The demo has at least these accounts, `user-0` and so on. */
const ACCOUNTS_MIN = 100

/** Secrets are new with each cluster and outlive the processes in it. */
export function specs(options: ClusterOptions, storeUrlOf: (node: string) => string): Specs {
  const { programs, directory, users } = options
  const base = baseOf(options.environment)
  const node: NodeJS.ProcessEnv = {
    ...base,
    // A start that can't succeed is to be told in one line, and soon.
    STORE_WAIT_MS: base['STORE_WAIT_MS'] ?? '10000',
    SESSION_KEYS: secret(),
    MESH_SECRET: secret(),
    COOKIE_SECURE: 'false',
    ACCOUNTS: String(Math.max(ACCOUNTS_MIN, users)),
    PASSWORD_COST: 'low',
    // All clients of a lab share one address, which would soon count as one that guesses, or floods.
    LOGIN_THROTTLE: 'off',
    VISITOR_THROTTLE: 'off',
    // The balancer in front writes X-Forwarded-* itself.
    TRUST_PROXY: 'true',
  }
  const balancer: NodeJS.ProcessEnv = { ...base, ROUTING: options.strategy.routing, AFFINITY_KEYS: secret() }
  return {
    node: (name, port) =>
      ours(`node-${name}`, programs.node, {
        ...node,
        STORE: storeUrlOf(name),
        NODE_NAME: name,
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
    redis: (told) => privateRedis(told, directory, options.environment),
  }
}

/** The users alone: of a system that is not the lab's, they are the only process. */
export function usersSpec(options: UsersOptions): Specs['users'] {
  const { programs, users, tabs = 1, readShare, seed, idempotencyKeys = false } = options
  const base = baseOf(options.environment)
  let lives = 0
  return (target, { originNs, state }) => {
    const firstOp = lives++ * OPERATIONS_PER_LIFE
    const { rate } = state.users
    const told = { target, users, tabs, rate, readShare, seed, idempotencyKeys, firstOp, originNs: String(originNs) }
    return ours('users', programs.users, base, [JSON.stringify(told)])
  }
}

function baseOf(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    // What was compiled once is kept: the next start of the same program takes half the time.
    NODE_COMPILE_CACHE: path.join(projectRoot, 'node_modules/.cache/compiled'),
    ...environment,
    // A cluster on loopback speaks plain HTTP; the cookies of production would lock everybody out.
    NODE_ENV: 'development',
    HOST: LOOPBACK,
  }
}

/** A program of ours, on the Node that runs the lab. */
function ours(label: string, program: string, environment: NodeJS.ProcessEnv, args: readonly string[] = []): ChildSpec {
  return { label, command: process.execPath, args: [program, ...args], environment, channel: true }
}

function secret(): string {
  return randomBytes(32).toString('base64url')
}
