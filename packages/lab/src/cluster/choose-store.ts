/** Where a strategy's sessions are on this machine: in the user's own store, a private server, the nodes, or a file. */
import assert from 'node:assert/strict'
import { type Config, withoutPassword } from '../config.ts'
import { NoStoreError, UsageError } from '../errors.ts'
import { type Database, DATABASES, type StoreSource, type Strategy } from '../strategies.ts'
import type { OwnStore } from './await-store.ts'
import type { ClusterOptions } from './options.ts'
import { findServer, serverKinds } from './servers/index.ts'
import type { ServerKind } from './servers/server-kind.ts'

export interface Choice extends Pick<ClusterOptions, 'strategy' | 'storeUrl' | 'server'> {
  /** The store of `storeUrl`, if the environment names it. */
  readonly own?: OwnStore
}

/** Takes the first of the strategy's sources that this machine has. Throws UsageError if it has none. */
export function chooseStore(strategy: Strategy, config: Config, database?: Database): Choice {
  const sources = [strategy.store, ...(strategy.otherwise === undefined ? [] : [strategy.otherwise])]
  if (database !== undefined) return ofDatabase(strategy, sources, config, database)
  for (const source of sources) {
    const choice = choiceOf(strategy, source, config)
    if (choice !== undefined) return choice
  }
  throw missing(strategy)
}

/** Throws UsageError if the lab does not start a server for the store itself. */
export function requirePrivateServer({ strategy, storeUrl, server }: Choice, who: string): ServerKind {
  if (server !== undefined) return server.kind
  const own = isFile(strategy.store) ? 'SQLite is a file: try --database postgres' : `${strategy.name} has none`
  const instead = storeUrl === undefined ? own : `this one is at ${withoutPassword(storeUrl)}`
  throw new UsageError(`${who} needs a store server that the lab starts itself, as with --strategy redis; ${instead}`)
}

/** Throws UsageError if the lab does not start a server for the store itself, or if such a server has no replicas. */
export function requireReplication(choice: Choice, who: string): void {
  const { replication } = requirePrivateServer(choice, who)
  if ('because' in replication) throw new UsageError(`${who} is impossible: ${replication.because}`)
}

/** The flag comes before DATABASE_URL. */
function ofDatabase(strategy: Strategy, sources: readonly StoreSource[], config: Config, database: Database): Choice {
  const file = sources.find(isFile)
  if (file === undefined)
    throw new UsageError(`--database is for strategies over a database; ${strategy.name} has none`)
  const { databases = DATABASES } = strategy
  if (!databases.includes(database))
    throw new UsageError(`--strategy ${strategy.name} takes --database ${databases.join(' or ')}, and not ${database}`)
  const store = database === 'sqlite' ? file : { server: database }
  const { databaseUrl: _ignored, ...rest } = config
  const choice = choiceOf(strategy, store, rest)
  if (choice === undefined) throw missing({ ...strategy, store })
  return choice
}

/** Undefined if this machine does not have that server. */
function choiceOf(strategy: Strategy, store: StoreSource, config: Config): Choice | undefined {
  const named = ownStore(store, config)
  const own = named === undefined || (isFile(store) && !takesDatabase(strategy, named.url)) ? undefined : named
  if (own !== undefined) return { strategy, storeUrl: strategy.over?.(own.url) ?? own.url, own }
  const chosen = { ...strategy, store }
  if (typeof store === 'string' || !('server' in store)) return { strategy: chosen }
  const server = findServer(store.server, config.searchPath)
  return server === undefined ? undefined : { strategy: chosen, server }
}

function takesDatabase({ databases }: Strategy, url: string): boolean {
  return databases === undefined || databases.some((each) => url.startsWith(each))
}

function ownStore(store: StoreSource, { redisUrl, memcachedUrl, databaseUrl }: Config): OwnStore | undefined {
  if (isFile(store)) return ownOf('DATABASE_URL', databaseUrl, 'the database')
  if (typeof store === 'string' || !('server' in store)) return undefined
  if (store.server === 'redis') return ownOf('REDIS_URL', redisUrl, serverKinds.redis.title)
  if (store.server === 'memcached') return ownOf('MEMCACHED_URL', memcachedUrl, serverKinds.memcached.title)
  return undefined
}

function ownOf(variable: string, url: string | undefined, title: string): OwnStore | undefined {
  return url === undefined ? undefined : { variable, url, title }
}

function isFile(store: StoreSource): store is Extract<StoreSource, { readonly file: string }> {
  return typeof store !== 'string' && 'file' in store
}

function missing({ name, store }: Strategy): NoStoreError {
  assert(typeof store !== 'string' && 'server' in store)
  const { title, install, variable } = serverKinds[store.server]
  return new NoStoreError(name, `a ${title}: ${install}, or set ${variable} to one that runs`)
}
