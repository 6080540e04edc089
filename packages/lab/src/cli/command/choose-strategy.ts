import { type Choice, chooseStore } from '../../cluster/choose-store.ts'
import { type Config, withoutPassword } from '../../config.ts'
import { UsageError } from '../../errors.ts'
import { type Database, DEFAULT_STRATEGY, findStrategy, type Strategy, type WriteMode } from '../../strategies.ts'

export interface StrategyRequest {
  readonly nodes?: number
  readonly strategy: string | undefined
  readonly store: string | undefined
  readonly database?: Database | undefined
  readonly write?: WriteMode | undefined
}

/** Replaces a replicating strategy's texts if the cluster has a single node. */
const ALONE = {
  summary: 'the one node holds every session in its memory; its death logs out every user',
  onNodeDeath: 'no other node has them, so its users are logged out — try --nodes 3',
}

/** Chooses by flags, environment and machine. Throws UsageError if the strategy can't run here. */
export function chooseStrategy(request: StrategyRequest, config: Config): Choice {
  const { strategy: name, store, nodes, database, write } = request
  if (store !== undefined) return { strategy: withOwnStore(name, store), storeUrl: store }
  const strategy = writing(known(name ?? DEFAULT_STRATEGY), write)
  const isInNodes = strategy.over === undefined && typeof strategy.store !== 'string' && 'mesh' in strategy.store
  const isAlone = nodes === 1 && isInNodes
  const described = isAlone ? { ...strategy, ...ALONE } : strategy
  return chooseStore(described, config, database)
}

function writing(strategy: Strategy, write: WriteMode | undefined): Strategy {
  if (write === undefined) return strategy
  if (strategy.behind === undefined) throw new UsageError(`--write is for --strategy hybrid, not for ${strategy.name}`)
  return write === 'behind' ? { ...strategy, ...strategy.behind } : strategy
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
