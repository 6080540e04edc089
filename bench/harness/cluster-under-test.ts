/**
 * A cluster as the bench of the strategies sees it, whoever wrote its parts. One of ours and one of nginx and Express are the
 * same thing here: a balancer, nodes and perhaps a store, started, watched, killed and started again by the lab, with the
 * lab's virtual users before it and one trace of it all. A peer differs in the programs alone: a node is any program that takes a
 * node's environment and speaks the shop's interface, a balancer any that takes a balancer's; see `peers/cluster/`. So a peer goes
 * through the very faults, and is measured by the very code.
 */
import {
  findOnPath,
  freePort,
  httpGet,
  type Lab,
  openLab,
  ownPrograms,
  type Programs,
  readConfig,
  type Strategy,
} from '@ninelives/lab'
import { processTree } from './process-tree.ts'

/** Who takes part: a strategy of ours, or a peer. */
export interface Contestant {
  readonly name: string
  readonly title: string
  readonly role: 'strategy' | 'peer'
  readonly strategy: Strategy
  readonly programs: Programs
  /** Their versions belong into the result. */
  readonly packages: readonly string[]
  /** Of a program that is no package, by its name. */
  readonly versions?: Readonly<Record<string, string>>
  /** It needs what `installPeers` installs. */
  readonly installed: boolean
  /** Why it can't take part on this machine, and how to get what it lacks. */
  readonly missing?: string
}

export interface ClusterWishes {
  readonly nodes: number
  /** 0: no virtual users, for whoever brings a load of its own. */
  readonly users: number
  readonly tabs?: number
  /** Operations a second, of all users together. */
  readonly rate: number
  /** As of the lab's ClusterOptions. */
  readonly readShare?: number
  /** So much is in each session of a user beside what the shop puts there. Only our nodes can be told. */
  readonly sessionBytes?: number
  /** They come only with `startUsers`. */
  readonly usersLater?: boolean
  /** In place of the store that the contestant's own strategy names. */
  readonly storeUrl?: string
  readonly seed: number
  /** A node that died is started again after so long. */
  readonly restartAfterMs: number
  /** For the trace and the logs; it must be there. */
  readonly directory: string
}

/** By what each part goes under in the result. */
export interface ClusterPids {
  readonly balancer: readonly number[]
  readonly node: readonly number[]
  /** Empty where the nodes keep the sessions, or a store that is not the bench's. */
  readonly store: readonly number[]
}

export interface ClusterUnderTest {
  /** Where the shop answers. */
  readonly url: string
  /** Its trace, its nodes, and the controller of its faults. */
  readonly lab: Lab
  /** As they are now: whoever was started again has another. */
  pids(): ClusterPids
  /** What `usersLater` held back. */
  startUsers(): Promise<void>
  /** Attempts of the balancer beyond the first, so far; undefined where it does not tell. */
  retries(): Promise<number | undefined>
  /** SIGKILL to that node, or `random`; resolves with its name once it is seen to be gone. */
  kill(node: string): Promise<string>
  /** Ends every process. */
  stop(): Promise<void>
}

/** What a contestant's store needs of this machine. */
export interface StoreFound {
  readonly storeUrl?: string
  readonly redisServer?: string
}

const METRICS_WAIT_MS = 2_000

export const REDIS_HINT =
  'it needs a Redis: set REDIS_URL, or install redis-server (Debian: apt-get install redis-server)'

/** A strategy of ours, of our programs. */
export function contestantOf(strategy: Strategy): Contestant {
  const { name } = strategy
  const missing = findStore(strategy) === undefined ? { missing: REDIS_HINT } : {}
  const programs = ownPrograms()
  return { name, title: name, role: 'strategy', strategy, programs, packages: [], installed: false, ...missing }
}

/** Undefined when there is none. */
export function findStore({ store }: Strategy, environment: NodeJS.ProcessEnv = process.env): StoreFound | undefined {
  if (typeof store === 'string' || !('server' in store)) return {}
  const { redisUrl, searchPath } = readConfig(environment)
  if (redisUrl !== undefined) return { storeUrl: redisUrl }
  const redisServer = findOnPath('redis-server', searchPath)
  return redisServer === undefined ? undefined : { redisServer }
}

/** Resolves once the shop answers. Rejects with the lab's errors, and leaves nothing behind then. */
export async function openCluster(contestant: Contestant, wishes: ClusterWishes): Promise<ClusterUnderTest> {
  const { strategy, programs, name, missing } = contestant
  const store = findStore(strategy)
  if (missing !== undefined || store === undefined) throw new Error(`${name} is missing: ${missing ?? REDIS_HINT}`)
  const { environment: inherited } = readConfig(process.env)
  const adminPort = await freePort()
  const padding = wishes.sessionBytes === undefined ? {} : { SESSION_PADDING_BYTES: String(wishes.sessionBytes) }
  const environment = { ...inherited, ...padding, ADMIN_PORT: String(adminPort) }
  const ports = { port: 0, controlPort: 0 }
  const lab = await openLab({
    ...(wishes.storeUrl === undefined ? store : {}),
    ...wishes,
    ...ports,
    strategy,
    programs,
    environment,
    run: `bench-${name}`,
  })
  try {
    await lab.start()
  } catch (error) {
    await lab.kill()
    throw error
  }
  return underTest(lab, adminPort)
}

function underTest(lab: Lab, adminPort: number): ClusterUnderTest {
  const { cluster, faults } = lab
  return {
    url: cluster.url,
    lab,
    pids: () => ({
      balancer: trees(cluster.balancer.pid),
      node: trees(...cluster.nodes.map(({ pid }) => pid)),
      store: trees(cluster.redis?.pid),
    }),
    async startUsers() {
      await cluster.users?.start()
    },
    async retries() {
      const answer = await httpGet(`http://127.0.0.1:${adminPort}/metrics`, { timeoutMs: METRICS_WAIT_MS })
      return answer?.status === 200 ? retriesIn(answer.body) : undefined
    },
    async kill(node) {
      const { target } = await faults.inject({ kind: 'kill', target: node })
      return target
    },
    stop: () => lab.stop('measured'),
  }
}

function retriesIn(metrics: string): number {
  const figures = metrics.matchAll(/^ninelives_balancer_retries_total(?:\{[^}]*\})? (\d+)/gm)
  return [...figures].reduce((sum, [, figure]) => sum + Number(figure), 0)
}

function trees(...pids: readonly (number | undefined)[]): number[] {
  return pids.flatMap((pid) => (pid === undefined ? [] : processTree(pid)))
}
