import { findOnPath } from '../../cluster/redis.ts'
import { type Config, withoutPassword } from '../../config.ts'
import { UsageError } from '../../errors.ts'
import { DEFAULT_STRATEGY, findStrategy, type Strategy } from '../../strategies.ts'

export interface Choice {
  readonly strategy: Strategy
  /** The URL of a store that runs already. */
  readonly storeUrl?: string
  /** The program for a private store. */
  readonly redisServer?: string
}

export interface StrategyRequest {
  readonly nodes?: number
  readonly strategy: string | undefined
  readonly store: string | undefined
}

/** Replaces a replicating strategy's texts if the cluster has a single node. */
const ALONE = {
  summary: 'the one node holds every session in its memory; its death logs everybody out',
  onNodeDeath: 'no other node has them, so its users are logged out — try --nodes 3',
}

/** Chooses by flags, environment and machine. Throws UsageError if the strategy can't run here. */
export function chooseStrategy({ strategy: name, store, nodes }: StrategyRequest, config: Config): Choice {
  if (store !== undefined) return { strategy: withOwnStore(name, store), storeUrl: store }
  const strategy = known(name ?? DEFAULT_STRATEGY)
  const isAlone = nodes === 1 && typeof strategy.store !== 'string' && 'mesh' in strategy.store
  const described = isAlone ? { ...strategy, ...ALONE } : strategy
  return withItsStore(described, config.redisUrl, findOnPath('redis-server', config.searchPath))
}

/** Throws UsageError if the lab does not start the store itself. */
export function requirePrivateRedis({ strategy, storeUrl, redisServer }: Choice, who: string): void {
  if (redisServer !== undefined) return
  const instead = storeUrl === undefined ? `${strategy.name} has none` : `this one is at ${withoutPassword(storeUrl)}`
  throw new UsageError(`${who} needs the Redis that the lab starts itself, as with --strategy redis; ${instead}`)
}

function withItsStore(strategy: Strategy, redisUrl: string | undefined, redisServer: string | undefined): Choice {
  if (typeof strategy.store === 'string' || 'mesh' in strategy.store) return { strategy }
  if (redisUrl !== undefined) return { strategy, storeUrl: redisUrl }
  if (redisServer !== undefined) return { strategy, redisServer }
  throw new UsageError(
    `--strategy ${strategy.name} needs a Redis: install redis-server (apt-get install redis-server, brew install redis), ` +
      'or set REDIS_URL=redis://HOST:PORT to one that runs, or try --strategy replicated',
  )
}

/** Replaces the strategy's texts about its own store, as another store is used. */
function withOwnStore(name: string | undefined, store: string): Strategy {
  const where = `sessions are in ${withoutPassword(store)}`
  return {
    ...known(name ?? 'redis'),
    name: name ?? 'custom',
    store,
    summary: `${where}; what a node's death costs is that store's to say`,
    onNodeDeath: where,
  }
}

function known(name: string): Strategy {
  const strategy = findStrategy(name)
  if (strategy === undefined) throw new UsageError(`there is no strategy "${name}"`)
  return strategy
}
