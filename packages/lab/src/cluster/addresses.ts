import { BALANCER, type Edge, type EdgeEnds, REPLICA, STORE } from '../edges/edges.ts'
import { freePorts, LOOPBACK } from '../supervise/ports.ts'
import type { MeshKind } from '../strategies.ts'
import type { ClusterOptions } from './options.ts'

/** All ports and URLs, chosen before anything starts, so that everything can start at once. */
export interface Addresses {
  readonly balancerPort: number
  readonly nodes: readonly { readonly name: string; readonly port: number }[]
  readonly redisPort: number
  readonly replicaPort: number
  readonly storeUrl: string
  /** The store's URL for one node, which may lead through an edge's proxy. */
  readonly storeUrlOf: (node: string) => string
  /** Empty without proxies. */
  readonly edges: readonly Edge[]
}

const NODE_NAMES = 'abcdefghijkl'
export const NODES_MAX = NODE_NAMES.length

export async function chooseAddresses(options: ClusterOptions): Promise<Addresses> {
  const { strategy } = options
  const names = nodeNames(options.nodes)
  const ways = hasEdges(options) ? waysOf(options, names) : []
  const [balancerPort = 0, redisPort = 0, replicaPort = 0, ...ports] = await freePorts(
    3 + 2 * names.length + ways.length,
  )
  const nodes = names.map((name) => ({ name, port: ports.shift() ?? 0 }))
  const mesh = new Map(names.map((name) => [name, ports.shift() ?? 0]))
  const edges = ways.map(({ from, to }) => {
    const node = nodes.find(({ name }) => name === to)?.port ?? redisPort
    return { from, to, port: ports.shift() ?? 0, target: from === BALANCER ? node : (mesh.get(to) ?? redisPort) }
  })
  const urlFor = (node?: string): string => {
    const over = (to: string, otherwise: number): number =>
      edges.find((edge) => edge.from === node && edge.to === to)?.port ?? otherwise
    const peers = [...mesh].map(([name, port]) => [name, over(name, port)] as const)
    return options.storeUrl ?? storeUrl(strategy.store, over(STORE, redisPort), peers)
  }
  return {
    balancerPort: options.port === 0 ? balancerPort : options.port,
    nodes,
    redisPort,
    replicaPort,
    storeUrl: urlFor(),
    storeUrlOf: urlFor,
    edges,
  }
}

export function hasEdges({ edges = false, replica = false }: Pick<ClusterOptions, 'edges' | 'replica'>): boolean {
  return edges || replica
}

/** The edges that can have proxies. A store that the lab does not start has none. */
export function waysOf(
  {
    strategy,
    storeUrl,
    redisServer,
    replica,
  }: Pick<ClusterOptions, 'strategy' | 'storeUrl' | 'redisServer' | 'replica'>,
  names: readonly string[],
): EdgeEnds[] {
  const isMesh = storeUrl === undefined && typeof strategy.store !== 'string' && 'mesh' in strategy.store
  const peers = isMesh ? names.flatMap((from) => names.map((to) => ({ from, to }))) : []
  return [
    ...names.map((to) => ({ from: BALANCER, to })),
    ...peers.filter(({ from, to }) => from !== to),
    ...(redisServer === undefined ? [] : names.map((from) => ({ from, to: STORE }))),
    ...(redisServer !== undefined && replica === true ? [{ from: STORE, to: REPLICA }] : []),
  ]
}

function storeUrl(
  store: ClusterOptions['strategy']['store'],
  redisPort: number,
  peers: readonly (readonly [name: string, port: number])[],
): string {
  if (typeof store === 'string') return store
  return 'mesh' in store ? meshUrl(store.mesh, peers) : `redis://${LOOPBACK}:${redisPort}`
}

/** A node's name and the shared secret come from its environment, as this URL is shown to people. */
function meshUrl(kind: MeshKind, members: readonly (readonly [name: string, port: number])[]): string {
  const peers = members.map(([name, port]) => `${name}=${LOOPBACK}:${port}`)
  return `${kind}:?peers=${peers.join(',')}${peers.length === 1 ? '&alone=true' : ''}`
}

export function nodeNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => NODE_NAMES.charAt(index))
}
