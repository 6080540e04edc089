import { BlockList, isIP, isIPv6 } from 'node:net'
import { RUN_BOUNDS } from '../../control/strategy-request.ts'
import { choiceFlag, type Flag, integerFlag } from './flags.ts'
import { floorFlag, logsFlag, seedFlag, strategyFlag } from './run-flags.ts'
import { storeFlags } from './store-flags.ts'

const PORT = { min: 0, max: 65_535 }
const { nodes, users, tabs, rate } = RUN_BOUNDS
const RESTART_AFTER_MAX_MS = 600_000

const restartAfter: Flag<number | 'never'> = {
  placeholder: 'MS',
  help: 'milliseconds before a dead process is restarted, or never (1500)',
  otherwise: 1_500,
  takes: `0 to ${RESTART_AFTER_MAX_MS}, or never`,
  parse(value) {
    if (value === 'never') return value
    return /^\d+$/.test(value) && Number(value) <= RESTART_AFTER_MAX_MS ? Number(value) : undefined
  },
}

/** Every address at once would be open wider than was asked for, and loopback is served without the flag. */
const notHosts = new BlockList()
for (const address of ['0.0.0.0', '127.0.0.1']) notHosts.addAddress(address)
for (const address of ['::', '::1']) notHosts.addAddress(address, 'ipv6')

const host: Flag<string | undefined> = {
  placeholder: 'ADDRESS',
  help: 'serves the live page at this address of the machine too, to devices with the token of its link (loopback only)',
  otherwise: undefined,
  takes: 'one address of this machine, such as 192.168.0.5, that is neither 0.0.0.0 nor loopback',
  parse(value) {
    const isAddress = isIP(value) !== 0 && !value.includes('%')
    return isAddress && !notHosts.check(value, isIPv6(value) ? 'ipv6' : 'ipv4') ? value : undefined
  },
}

export const upFlags = {
  strategy: strategyFlag,
  nodes: integerFlag(nodes, { placeholder: 'N', help: `nodes, ${nodes.min} to ${nodes.max} (3)`, otherwise: 3 }),
  port: integerFlag(PORT, { placeholder: 'N', help: 'port of the shop, 0 for any (8080)', otherwise: 8_080 }),
  'control-port': integerFlag(PORT, {
    placeholder: 'N',
    help: 'port of the live page and the control API, 0 for any (4000)',
    otherwise: 4_000,
  }),
  host,
  'restart-after': restartAfter,
  users: integerFlag(users, { placeholder: 'N', help: 'virtual users, 0 for none (50)', otherwise: 50 }),
  tabs: integerFlag(tabs, { placeholder: 'N', help: 'tabs of each user, which share its session (1)', otherwise: 1 }),
  rate: integerFlag(rate, { placeholder: 'N', help: 'operations a second of all virtual users (20)', otherwise: 20 }),
  floor: floorFlag,
  edges: choiceFlag(['off', 'on'], {
    placeholder: 'off|on',
    help: 'proxies between the processes, so that edges can be broken (off)',
    otherwise: 'off',
  }),
  replica: choiceFlag(['off', 'on'], {
    placeholder: 'off|on',
    help: 'a replica of the private Redis, so that it can fail over; implies --edges (off)',
    otherwise: 'off',
  }),
  ...storeFlags,
  logs: logsFlag,
  seed: seedFlag,
}
