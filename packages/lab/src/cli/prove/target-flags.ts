/** The flags of `prove` for the user's own system. */
import { NODES_MAX } from '../../cluster/addresses.ts'
import type { NodeAddress } from '../../users/load.ts'
import { choiceFlag, type Flag, httpUrl, textFlag } from '../command/flags.ts'

const KIND_AND_COMMAND = /^([a-z][a-z-]*)=\s*(\S.*)$/s
const NODE_NAME = /^[\w.-]+$/

const target: Flag<URL | undefined> = {
  placeholder: 'URL',
  help: "your own system with the shop's interface, at its balancer (packages/lab/TARGETS.md)",
  otherwise: undefined,
  takes: 'http://HOST or http://HOST:PORT',
  parse: httpUrl,
}

const nodesUrl: Flag<readonly NodeAddress[]> = {
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

const faultCommand: Flag<ReadonlyMap<string, string>> = {
  placeholder: 'KIND=CMD',
  help: 'a fault of another kind; may be repeated',
  otherwise: new Map(),
  takes: 'KIND=CMD, such as pause="docker pause shop-$NINELIVES_TARGET"; a kind is of small letters',
  parse(value, before) {
    const [, kind = '', command = ''] = KIND_AND_COMMAND.exec(value) ?? []
    return kind !== '' ? new Map(before).set(kind, command) : undefined
  },
}

export const targetFlags = {
  target,
  'kill-command': textFlag<string | undefined>('a command for the shell', {
    placeholder: 'CMD',
    help: 'kills one of its nodes: $NINELIVES_TARGET with --nodes-url; $NINELIVES_FAULT counts the faults',
    otherwise: undefined,
  }),
  'start-command': textFlag<string | undefined>('a command for the shell', {
    placeholder: 'CMD',
    help: 'heals the last fault (none: the system recovers by itself)',
    otherwise: undefined,
  }),
  'nodes-url': nodesUrl,
  'fault-command': faultCommand,
  copies: choiceFlag(['yes', 'no'], {
    placeholder: 'yes|no',
    help: 'whether each node is asked for its copy at the end (yes); no if only one node has a session',
    otherwise: 'yes',
  }),
}

function nodeAddress(value: string): NodeAddress | undefined {
  const separator = value.indexOf('=')
  const [name, url] = [value.slice(0, separator), httpUrl(value.slice(separator + 1))]
  return NODE_NAME.test(name) && url !== undefined ? { name, url: url.origin } : undefined
}
