/**
 * The edges of a cluster, and the process with their proxies. An edge is named by the process that connects and its peer:
 * `balancer>a`, `a>b`, `a>store`. Two nodes share one link, so a fault on `a>b` in one direction is a fault on `b>a` in the other.
 */
import type { NodeLife } from '@ninelives/history'
import type { Keeper } from '../supervise/keeper.ts'
import type { Way } from './proxy.ts'

export interface Edge {
  readonly from: string
  readonly to: string
  /** The port of its proxy. */
  readonly port: number
  /** The port that it leads to. */
  readonly target: number
}

export type EdgeEnds = Pick<Edge, 'from' | 'to'>

/** One proxy, and the directions that a fault affects. */
export interface Passage {
  readonly edge: string
  readonly ways: readonly Way[]
}

const POINT_WAIT_MS = 2_000

/** The names of edge ends that are not nodes. */
export const BALANCER = 'balancer'
export const STORE = 'store'
export const REPLICA = 'replica'

/** Which traffic a fault affects: from the process that connects, to it, or both. */
export const DIRECTIONS = ['both', 'request', 'answer'] as const
export type Direction = (typeof DIRECTIONS)[number]

const PATTERN = /^([a-z*]+)(?:>|→)([a-z*]+)$/
const BOTH: readonly Way[] = ['request', 'answer']

export class EdgeGroup {
  readonly name: string
  readonly keeper: Keeper
  readonly #edges: readonly Edge[]
  readonly #all: readonly Edge[]

  constructor(edges: readonly Edge[], all: readonly Edge[], keeper: Keeper, name = edges.map(edgeName).join(',')) {
    this.name = name
    this.keeper = keeper
    this.#edges = edges
    this.#all = all
  }

  get pid(): number | undefined {
    return this.keeper.pid
  }

  get life(): NodeLife {
    return this.pid === undefined ? 'down' : 'up'
  }

  passages(direction: Direction = 'both'): readonly Passage[] {
    const ways = new Map<string, Set<Way>>()
    const add = (edge: Edge, added: readonly Way[]): void => {
      ways.set(edgeName(edge), new Set([...(ways.get(edgeName(edge)) ?? []), ...added]))
    }
    for (const edge of this.#edges) {
      add(edge, direction === 'both' ? BOTH : [direction])
      const back = this.#all.find(({ from, to }) => from === edge.to && to === edge.from)
      if (back !== undefined) add(back, direction === 'both' ? BOTH : [direction === 'request' ? 'answer' : 'request'])
    }
    return [...ways].map(([edge, each]) => ({ edge, ways: [...each] }))
  }

  /** Proxies; a fault on the group has landed when it affected one of them. */
  units(): readonly (readonly string[])[] {
    return this.#edges.map(({ from, to }) => [`${from}>${to}`, `${to}>${from}`])
  }
}

export class Edges {
  readonly all: readonly Edge[]
  readonly keeper: Keeper

  constructor(all: readonly Edge[], keeper: Keeper) {
    this.all = all
    this.keeper = keeper
  }

  /** As in `matching`. Without a matching edge the group and its name are empty. */
  find(wanted: readonly EdgeEnds[]): EdgeGroup {
    return this.#group(matching(this.all, wanted))
  }

  /** Points the edges to the store to that port. False if the edge process did not confirm it. */
  pointStore(id: string, to: number): Promise<boolean> {
    const edges = this.all
      .filter((edge) => edge.from === STORE || edge.to === STORE)
      .map((edge) => ({ edge: edgeName(edge) }))
    return this.keeper.call({ type: 'edges-point', id, to, edges }, 'edges-pointed', POINT_WAIT_MS)
  }

  random(random: () => number): EdgeGroup {
    return this.#group([this.all[Math.floor(random() * this.all.length)]].filter((edge) => edge !== undefined))
  }

  around(names: readonly string[]): EdgeGroup {
    return this.#group(around(this.all, names), names.join(','))
  }

  #group(edges: readonly Edge[], name?: string): EdgeGroup {
    return new EdgeGroup(edges, this.all, this.keeper, name)
  }
}

/** Parses a text such as `*>store` or `a>store,b>store`; undefined if a part of it is not an edge. */
export function parseEdges(text: string): readonly EdgeEnds[] | undefined {
  const ends = text.split(',').flatMap((part): EdgeEnds[] => {
    const [, from, to] = PATTERN.exec(part.trim()) ?? []
    return from === undefined || to === undefined ? [] : [{ from, to }]
  })
  return ends.length === text.split(',').length ? ends : undefined
}

/** The edges between any of these ends, where `*` stands for any process. Empty if some ends have no edge. */
export function matching<E extends EdgeEnds>(edges: readonly E[], wanted: readonly EdgeEnds[]): readonly E[] {
  const isBetween = (edge: E, { from, to }: EdgeEnds): boolean => fits(from, edge.from) && fits(to, edge.to)
  if (!wanted.every((ends) => edges.some((edge) => isBetween(edge, ends)))) return []
  return edges.filter((edge) => wanted.some((ends) => isBetween(edge, ends)))
}

/** The edges that cut these nodes off from the other nodes and the store; the balancer still reaches all nodes. */
export function around<E extends EdgeEnds>(edges: readonly E[], names: readonly string[]): readonly E[] {
  const inside = new Set(names)
  return edges.filter(({ from, to }) => from !== BALANCER && inside.has(from) && !inside.has(to))
}

function fits(wanted: string, name: string): boolean {
  return wanted === '*' || wanted === name
}

export function edgeName({ from, to }: EdgeEnds): string {
  return `${from}>${to}`
}
