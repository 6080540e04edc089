/**
 * A cluster in the bench of the strategies: one of ours, or a peer such as nginx and Express. It is a balancer, nodes and perhaps a
 * store, which the lab starts, watches and kills, with the lab's virtual users and one trace. A peer differs in its programs alone: a node is
 * any program that takes a node's environment and serves the shop's interface, a balancer any that takes a balancer's environment; see
 * `peers/cluster/`. Peers go through the same faults, and the same code measures them.
 */
import {
  type Choice,
  chooseStore,
  type Database,
  freePort,
  httpGet,
  type Lab,
  NoStoreError,
  openLab,
  ownPrograms,
  type Programs,
  readConfig,
  type Strategy,
} from '@ninelives/lab'
import { processTree } from './processes/process-tree.ts'

/** A participant: a strategy of ours, or a peer. */
export interface Contestant {
  readonly name: string
  readonly title: string
  readonly role: 'strategy' | 'peer'
  readonly strategy: Strategy
  readonly programs: Programs
  /** Packages whose versions go into the result. */
  readonly packages: readonly string[]
  /** Versions of programs that are no packages. */
  readonly versions?: Readonly<Record<string, string>>
  /** It needs what `installPeers` installs. */
  readonly installed: boolean
  /** Of a strategy over a database, in place of SQLite. */
  readonly database?: Database
  /** Set when it can't take part on this machine: the reason, and how to get the missing program. */
  readonly missing?: string
}

export interface ClusterWishes {
  readonly nodes: number
  /** 0: no virtual users, for a caller with a load of its own. */
  readonly users: number
  readonly tabs?: number
  /** Operations a second, of all users together. */
  readonly rate: number
  /** As of the lab's ClusterOptions. */
  readonly readShare?: number
  /** Extra bytes in each session of a user. Only our nodes support it. */
  readonly sessionBytes?: number
  /** As of the lab's ClusterOptions. */
  readonly edges?: boolean
  readonly replica?: boolean
  readonly together?: boolean
  /** Users start only with `startUsers`. */
  readonly usersLater?: boolean
  /** In place of the store that the contestant's own strategy names. */
  readonly storeUrl?: string
  readonly seed: number
  /** From a node's death to its restart. */
  readonly restartAfterMs: number
  /** For the trace and the logs; it must be there. */
  readonly directory: string
}

/** By the names of the parts in the result. */
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
  /** The present ones: a restart changes them. */
  pids(): ClusterPids
  /** Starts the users that `usersLater` held back. */
  startUsers(): Promise<void>
  /** Attempts of the balancer beyond the first, so far; undefined where it has no such metric. */
  retries(): Promise<number | undefined>
  /** SIGKILL to that node, or to a `random` one; resolves with its name once it is gone. */
  kill(node: string): Promise<string>
  /** Ends every process. */
  stop(): Promise<void>
}

const METRICS_WAIT_MS = 2_000

/** A strategy of ours, of our programs. */
export function contestantOf(strategy: Strategy, database?: Database): Contestant {
  const name = database === undefined ? strategy.name : `${strategy.name}-${database}`
  const missing = missingStore(strategy, process.env, database)
  const programs = ownPrograms()
  const absence = missing === undefined ? {} : { missing }
  const over = database === undefined ? {} : { database }
  return {
    name,
    title: name,
    role: 'strategy',
    strategy,
    programs,
    packages: [],
    installed: false,
    ...over,
    ...absence,
  }
}

/** Where its sessions are on this machine. */
export function storeOf({ strategy, database }: Contestant, environment: NodeJS.ProcessEnv = process.env): Choice {
  return chooseStore(strategy, readConfig(environment), database)
}

/** Why this machine has no store for it. */
export function missingStore(
  strategy: Strategy,
  environment: NodeJS.ProcessEnv = process.env,
  database?: Database,
): string | undefined {
  try {
    chooseStore(strategy, readConfig(environment), database)
    return undefined
  } catch (error) {
    if (!(error instanceof NoStoreError)) throw error
    return `it needs ${error.needs}`
  }
}

/** Resolves once the shop answers. Rejects with the lab's errors, and leaves nothing behind then. */
export async function openCluster(contestant: Contestant, wishes: ClusterWishes): Promise<ClusterUnderTest> {
  const { strategy, programs, name, missing } = contestant
  if (missing !== undefined) throw new Error(`${name} is missing: ${missing}`)
  const config = readConfig(process.env)
  const inherited = config.environment
  const adminPort = await freePort()
  const padding = wishes.sessionBytes === undefined ? {} : { SESSION_PADDING_BYTES: String(wishes.sessionBytes) }
  const environment = { ...inherited, ...padding, ADMIN_PORT: String(adminPort) }
  const ports = { port: 0, controlPort: 0 }
  const lab = await openLab({
    ...(wishes.storeUrl === undefined ? chooseStore(strategy, config, contestant.database) : { strategy }),
    ...wishes,
    ...ports,
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
      store: trees(cluster.store?.pid),
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
