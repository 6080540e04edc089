/** The flags of `prove` for the user's own system. */
import { choiceFlag, type Flag, textFlag } from '../command/flags.ts'
import { nodesUrl } from '../command/nodes-url.ts'
import { targetFlag } from '../command/run-flags.ts'

const KIND_AND_COMMAND = /^([a-z][a-z-]*)=\s*(\S.*)$/s

const target: Flag<URL | undefined> = {
  ...targetFlag,
  help: "your own system with the shop's interface, at its balancer (packages/lab/TARGETS.md)",
  otherwise: undefined,
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
