import assert from 'node:assert/strict'
import path from 'node:path'
import { BALANCER, type Edge, type EdgeEnds, REPLICA, STORE } from '../edges/edges.ts'
import { freePorts, LOOPBACK } from '../supervise/ports.ts'
import type { MeshKind } from '../strategies.ts'
import type { ClusterOptions } from './options.ts'

/** All ports and URLs, chosen before anything starts, so that everything can start at once. */
export interface Addresses {
  readonly balancerPort: number
  readonly nodes: readonly { readonly name: string; readonly port: number }[]
  readonly storePort: number
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
  const names = nodeNames(options.nodes)
  const ways = hasEdges(options) ? waysOf(options, names) : []
  const [balancerPort = 0, storePort = 0, replicaPort = 0, ...ports] = await freePorts(
    3 + 2 * names.length + ways.length,
  )
  const nodes = names.map((name) => ({ name, port: ports.shift() ?? 0 }))
  const mesh = new Map(names.map((name) => [name, ports.shift() ?? 0]))
  const edges = ways.map(({ from, to }) => {
    const node = nodes.find(({ name }) => name === to)?.port ?? storePort
    return { from, to, port: ports.shift() ?? 0, target: from === BALANCER ? node : (mesh.get(to) ?? storePort) }
  })
  const urlFor = (node?: string): string => {
    const over = (to: string, otherwise: number): number =>
      edges.find((edge) => edge.from === node && edge.to === to)?.port ?? otherwise
    const peers = [...mesh].map(([name, port]) => [name, over(name, port)] as const)
    return options.storeUrl ?? ownUrl(options, over(STORE, storePort), peers)
  }
  return {
    balancerPort: options.port === 0 ? balancerPort : options.port,
    nodes,
    storePort,
    replicaPort,
    storeUrl: urlFor(),
    storeUrlOf: urlFor,
    edges,
  }
}

export function hasEdges({ edges = false, replica = false }: Pick<ClusterOptions, 'edges' | 'replica'>): boolean {
  return edges || replica
}

/** Whether the store has a replica: one is wanted, and the lab starts a server that can have it. */
export function hasReplica({ server, replica = false }: Pick<ClusterOptions, 'server' | 'replica'>): boolean {
  return replica && server !== undefined && 'promote' in server.kind.replication
}

/** The edges that can have proxies. A store that the lab does not start has none. */
export function waysOf(
  options: Pick<ClusterOptions, 'strategy' | 'storeUrl' | 'server' | 'replica'>,
  names: readonly string[],
): EdgeEnds[] {
  const { strategy, storeUrl, server } = options
  const isMesh = storeUrl === undefined && typeof strategy.store !== 'string' && 'mesh' in strategy.store
  const peers = isMesh ? names.flatMap((from) => names.map((to) => ({ from, to }))) : []
  return [
    ...names.map((to) => ({ from: BALANCER, to })),
    ...peers.filter(({ from, to }) => from !== to),
    ...(server === undefined ? [] : names.map((from) => ({ from, to: STORE }))),
    ...(hasReplica(options) ? [{ from: STORE, to: REPLICA }] : []),
  ]
}

/** The store's own URL, or one that leads to its server by another port. */
function ownUrl(
  { strategy, server, directory }: ClusterOptions,
  port: number,
  peers: readonly (readonly [name: string, port: number])[],
): string {
  const { store, over = (url) => url } = strategy
  if (typeof store === 'string') return over(store)
  if ('mesh' in store) return over(meshUrl(store.mesh, peers))
  if ('file' in store) {
    const synchronous = store.durability === undefined ? '' : `?synchronous=${store.durability.toUpperCase()}`
    return over(`sqlite:${path.join(directory, store.file)}${synchronous}`)
  }
  assert(server !== undefined)
  return over(server.kind.url(port, server.durability))
}

/** How long a node waits for the others of its mesh: twelve nodes on a busy machine take longer to start than a store takes to answer. */
export const FOUNDING_MS = 50_000

/** A node's name and the shared secret come from its environment, as this URL is shown to people. */
function meshUrl(kind: MeshKind, members: readonly (readonly [name: string, port: number])[]): string {
  const peers = members.map(([name, port]) => `${name}=${LOOPBACK}:${port}`)
  return `${kind}:?peers=${peers.join(',')}${peers.length === 1 ? '&alone=true' : ''}`
}

export function nodeNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => NODE_NAMES.charAt(index))
}
