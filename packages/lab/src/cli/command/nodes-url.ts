/** The flag that names the nodes of a cluster which the lab did not start. */
import { NODES_MAX } from '../../cluster/addresses.ts'
import type { NodeAddress } from '../../users/load.ts'
import { type Flag, httpUrl } from './flags.ts'

const NODE_NAME = /^[\w.-]+$/

export const nodesUrl: Flag<readonly NodeAddress[]> = {
  placeholder: 'a=URL,b=URL',
  help: 'its nodes, so that a fault has a target and is seen to land',
  otherwise: [],
  takes: `NAME=http://HOST:PORT for each node, at most ${NODES_MAX}, separated by commas`,
  parse(value) {
    const nodes = value.split(',').map((each) => nodeAddress(each.trim()))
    const names = new Set(nodes.map((node) => node?.name))
    const isWhole = nodes.every((node) => node !== undefined) && names.size === nodes.length
    return isWhole && nodes.length <= NODES_MAX ? nodes : undefined
  },
}

function nodeAddress(value: string): NodeAddress | undefined {
  const separator = value.indexOf('=')
  const [name, url] = [value.slice(0, separator), httpUrl(value.slice(separator + 1))]
  return NODE_NAME.test(name) && url !== undefined ? { name, url: url.origin } : undefined
}
