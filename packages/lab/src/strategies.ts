import type { ServerName, StrategyFacts } from '@ninelives/history'

/** A strategy is a store and a routing. A new one is a new entry here. */
export interface Strategy extends StrategyFacts {
  readonly routing: 'round-robin' | 'affinity' | 'session-id'
  readonly store: StoreSource
  /** In place of `store` on a machine that does not have it. */
  readonly otherwise?: StoreSource
  /** Whether every node has every session. Default: unless the routing is affinity. */
  readonly isShared?: boolean
  /** Over a database: the engines that it takes. Default: all. */
  readonly databases?: readonly Database[]
  /** Makes the store's URL from that of the store beneath it; absent where there is none. */
  readonly over?: (url: string) => string
  /** What is different with `--write behind`; absent where changes are always written through. */
  readonly behind?: Pick<Strategy, 'over' | 'summary' | 'onNodeDeath'>
}

/** A store's URL, a server that the lab starts, the nodes themselves, or a file in the run's directory. */
export type StoreSource =
  | string
  | { readonly server: ServerName }
  | { readonly mesh: MeshKind }
  | { readonly file: string; readonly durability?: string }

export const DATABASES = ['sqlite', 'postgres', 'mariadb'] as const
/** The engine of a private database, for a strategy that can be over one. */
export type Database = (typeof DATABASES)[number]

export const WRITE_MODES = ['through', 'behind'] as const
/** Whether a change is in the store below before it is acknowledged, or after that. */
export type WriteMode = (typeof WRITE_MODES)[number]

/** For stores on the nodes: every node has every session, or each session is on some of the nodes. */
export type MeshKind = 'replicated' | 'clustered'

/** In the run's directory. */
export const SQLITE_FILE = 'ninelives-sessions.db'

const inNodesMemory = 'so its users are logged out'

export const strategies: readonly Strategy[] = [
  {
    name: 'replicated',
    routing: 'round-robin',
    store: { mesh: 'replicated' },
    summary:
      'every node holds every session, any node serves any user; nothing else to run, no user loses anything when a node dies',
    onNodeDeath: 'every other node has them too: no user is logged out',
  },
  {
    name: 'clustered',
    routing: 'session-id',
    store: { mesh: 'clustered' },
    summary:
      'each session is on an owner and two backups, requests go to its owner; a write costs the same on many nodes',
    onNodeDeath: 'each session has copies on other nodes: no user is logged out',
  },
  {
    name: 'memory',
    routing: 'round-robin',
    store: 'memory:',
    summary:
      'each node keeps its own sessions while the balancer takes turns, so users are logged out at their next request',
    onNodeDeath: `memory keeps sessions in one node's memory, ${inNodesMemory} — try --strategy replicated`,
  },
  {
    name: 'sticky',
    routing: 'affinity',
    store: 'memory:',
    summary: "each session lives in one node's memory and a cookie leads back to it; a node's death logs its users out",
    onNodeDeath: `sticky keeps sessions in one node's memory, ${inNodesMemory} — try --strategy replicated`,
  },
  {
    name: 'redis',
    routing: 'round-robin',
    store: { server: 'redis' },
    summary:
      'sessions are in Redis, any node serves any user; the death of a node logs no user out; the death of Redis does',
    onNodeDeath: 'sessions are in Redis: no user is logged out',
  },
  {
    name: 'memcached',
    routing: 'round-robin',
    store: { server: 'memcached' },
    summary:
      "sessions are in Memcached, any node serves any user; Memcached's own death logs users out, and so does a full one, which evicts the least used",
    onNodeDeath: 'sessions are in Memcached: no user is logged out',
  },
  {
    name: 'database',
    routing: 'round-robin',
    store: { file: SQLITE_FILE },
    summary:
      'sessions are in a database, SQLite or --database postgres or mariadb; any node serves any user, and they outlive every process',
    onNodeDeath: 'sessions are in the database: no user is logged out',
  },
  {
    name: 'token',
    routing: 'round-robin',
    store: { mesh: 'replicated' },
    over: (url) => `token:?revocations=${encodeURIComponent(url)}`,
    summary:
      "each session is encrypted in its client's cookie, 4,096 bytes at most, and the nodes share only what was ended; of two tabs that write at once, one loses its write",
    onNodeDeath: "sessions are in their clients' cookies: no user is logged out",
  },
  {
    name: 'hybrid',
    routing: 'affinity',
    isShared: true,
    store: { server: 'redis' },
    otherwise: { file: SQLITE_FILE },
    databases: ['sqlite', 'postgres'],
    over: (url) => `hybrid:?over=${encodeURIComponent(url)}`,
    summary:
      "sessions are in Redis, in SQLite without one, or in --database postgres, and each node keeps copies of its users' sessions in memory; any node serves any user",
    onNodeDeath: 'only its copies die: no user is logged out',
    behind: {
      over: (url) => `hybrid:?over=${encodeURIComponent(url)}&write=behind`,
      summary:
        "a change is in a node's memory first and in the store below after that, for users who stay at one node; a node that dies loses its last moments",
      onNodeDeath: 'what it had not written yet is lost, no more than the last second; no user is logged out',
    },
  },
]

/** It needs only the nodes, and the death of one loses nothing. */
export const DEFAULT_STRATEGY = 'replicated'

/** Whether every node has every session, even if requests prefer one node. */
export function anyNodeServes({ routing, isShared }: Pick<Strategy, 'routing' | 'isShared'>): boolean {
  return isShared ?? routing !== 'affinity'
}

export const strategyNames: readonly string[] = strategies.map(({ name }) => name)

export function findStrategy(name: string): Strategy | undefined {
  return strategies.find((strategy) => strategy.name === name)
}
