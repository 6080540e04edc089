import type { Strategy } from '../strategies.ts'
import type { Programs } from './programs.ts'

/** Everything that decides what a cluster is, each value already checked. */
export interface ClusterOptions {
  readonly strategy: Strategy
  /** A store's URL in place of the strategy's own. */
  readonly storeUrl?: string
  /** The redis-server to start when the strategy wants a Redis and no URL was given. */
  readonly redisServer?: string
  readonly nodes: number
  /** 0 picks a free one. */
  readonly port: number
  readonly restartAfterMs?: number
  /** A second redis-server that follows the private one, so that it can fail over. Brings `edges` along. Default: none. */
  readonly replica?: boolean
  /** A proxy on every edge, so that edges can be broken. Default: none. */
  readonly edges?: boolean
  readonly users: number
  /** Of each user. Default 1. */
  readonly tabs?: number
  /** Operations a second of all users, at the beginning. */
  readonly rate: number
  /** Of what one who is logged in does, so much is to look; the rest changes something. Default: a look after each put. */
  readonly readShare?: number
  /** The users are not there from the beginning, but from `cluster.users.start()` on. */
  readonly usersLater?: boolean
  /** The users send a key with whatever changes something. Default: they know of no such thing. */
  readonly idempotencyKeys?: boolean
  readonly seed: number
  readonly run: string
  readonly directory: string
  readonly environment: NodeJS.ProcessEnv
  readonly programs: Programs
}
