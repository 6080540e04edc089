import { freePorts } from '../supervise/ports.ts'
import { LOOPBACK } from '../supervise/ports.ts'
import type { ClusterOptions } from './options.ts'

/** Where everything will be, decided before anything starts, so that everything can start at once. */
export interface Addresses {
  readonly balancerPort: number
  readonly nodes: readonly { readonly name: string; readonly port: number }[]
  readonly redisPort: number
  readonly storeUrl: string
}

const NODE_NAMES = 'abcdefghijkl'
export const NODES_MAX = NODE_NAMES.length

export async function chooseAddresses(options: ClusterOptions): Promise<Addresses> {
  const [balancerPort = 0, redisPort = 0, ...nodePorts] = await freePorts(options.nodes + 2)
  const { store } = options.strategy
  return {
    balancerPort: options.port === 0 ? balancerPort : options.port,
    nodes: nodePorts.map((port, index) => ({ name: NODE_NAMES.charAt(index), port })),
    redisPort,
    storeUrl: options.storeUrl ?? (typeof store === 'string' ? store : `redis://${LOOPBACK}:${redisPort}`),
  }
}
