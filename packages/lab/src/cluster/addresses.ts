import { freePorts, LOOPBACK } from '../supervise/ports.ts'
import type { MeshKind } from '../strategies.ts'
import type { ClusterOptions } from './options.ts'

/** Where everything will be, decided before anything starts, so that everything can start at once. */
export interface Addresses {
  readonly balancerPort: number
  readonly nodes: readonly { readonly name: string; readonly port: number }[]
  readonly redisPort: number
  /** The same for every node. */
  readonly storeUrl: string
}

const NODE_NAMES = 'abcdefghijkl'
export const NODES_MAX = NODE_NAMES.length

export async function chooseAddresses(options: ClusterOptions): Promise<Addresses> {
  const { nodes, strategy } = options
  const [balancerPort = 0, redisPort = 0, ...ports] = await freePorts(2 * nodes + 2)
  const meshPorts = ports.splice(nodes)
  const { store } = strategy
  return {
    balancerPort: options.port === 0 ? balancerPort : options.port,
    nodes: ports.map((port, index) => ({ name: nodeName(index), port })),
    redisPort,
    storeUrl: options.storeUrl ?? storeUrl(store, redisPort, meshPorts),
  }
}

function storeUrl(store: ClusterOptions['strategy']['store'], redisPort: number, meshPorts: readonly number[]): string {
  if (typeof store === 'string') return store
  return 'mesh' in store ? meshUrl(store.mesh, meshPorts) : `redis://${LOOPBACK}:${redisPort}`
}

/** Which of the nodes reads it, it knows itself; what they share as a secret is not for a URL that is shown. */
function meshUrl(kind: MeshKind, ports: readonly number[]): string {
  const peers = ports.map((port, index) => `${nodeName(index)}=${LOOPBACK}:${port}`)
  return `${kind}:?peers=${peers.join(',')}${peers.length === 1 ? '&alone=true' : ''}`
}

function nodeName(index: number): string {
  return NODE_NAMES.charAt(index)
}
