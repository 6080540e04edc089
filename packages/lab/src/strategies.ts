import type { StrategyFacts } from '@ninelives/history'

/** A strategy is a store and a routing, and nothing else: a new one is a new entry here. */
export interface Strategy extends StrategyFacts {
  readonly routing: 'round-robin' | 'affinity'
  /** A store's URL, or the server whose URL is only known once it was found or started. */
  readonly store: string | { readonly server: 'redis' }
}

const inNodesMemory = 'so its users are logged out'

export const strategies: readonly Strategy[] = [
  {
    name: 'memory',
    routing: 'round-robin',
    store: 'memory:',
    summary:
      'each node keeps its own sessions while the balancer takes turns, so users are logged out at their next request',
    onNodeDeath: `memory keeps sessions in one node's memory, ${inNodesMemory} — try --strategy redis`,
  },
  {
    name: 'sticky',
    routing: 'affinity',
    store: 'memory:',
    summary: "each session lives in one node's memory and a cookie leads back to it; a node's death logs its users out",
    onNodeDeath: `sticky keeps sessions in one node's memory, ${inNodesMemory} — try --strategy redis`,
  },
  {
    name: 'redis',
    routing: 'round-robin',
    store: { server: 'redis' },
    summary: "sessions are in Redis, any node serves any user; a node's death logs nobody out, Redis' own does",
    onNodeDeath: 'sessions are in Redis: nobody is logged out',
  },
]

export const strategyNames: readonly string[] = strategies.map(({ name }) => name)

export function findStrategy(name: string): Strategy | undefined {
  return strategies.find((strategy) => strategy.name === name)
}
