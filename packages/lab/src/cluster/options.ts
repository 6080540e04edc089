import type { RunStarted } from '@ninelives/history'
import type { Strategy } from '../strategies.ts'
import type { Programs } from './programs.ts'
import type { PrivateServer } from './servers/server-kind.ts'

/** The configuration of a cluster; every value is valid. */
export interface ClusterOptions {
  readonly strategy: Strategy
  /** The URL of a store to use in place of the strategy's own. */
  readonly storeUrl?: string
  /** For a strategy whose store needs a server, without a URL. */
  readonly server?: PrivateServer
  readonly nodes: number
  /** 0 picks a free port. */
  readonly port: number
  readonly restartAfterMs?: number
  /** Starts a second store server as a replica, for failovers, where such a server can have one. Implies `edges`. Default: false. */
  readonly replica?: boolean
  /** Records the writes of the store, so that it can lose its power. Default: false. */
  readonly power?: boolean
  /** Puts a proxy on every edge, so that edges can be broken. Default: false. */
  readonly edges?: boolean
  readonly users: number
  /** Tabs of each user. Default 1. */
  readonly tabs?: number
  /** As in LoadOptions. */
  readonly together?: boolean
  /** Operations a second of all users together, at the beginning. */
  readonly rate: number
  /** The share of reads among the operations of a logged-in user. Default: one read after each put. */
  readonly readShare?: number
  /** The share of the users who are on the floor. Default 0. */
  readonly floor?: number
  /** The users are not started with the cluster, but by `cluster.users.start()`. */
  readonly usersLater?: boolean
  /** Whether the users send idempotency keys with their writes. Default: false. */
  readonly idempotencyKeys?: boolean
  /** As in RunStarted. */
  readonly requires?: readonly string[]
  readonly service?: RunStarted['service']
  readonly seed: number
  readonly run: string
  readonly directory: string
  /** Where the control API is, once it listens; the nodes' pages link to it. */
  readonly controlUrl?: () => string | undefined
  readonly environment: NodeJS.ProcessEnv
  readonly programs: Programs
}
