/** The flags of `attach`. */
import type { StrategyFacts } from '@ninelives/history'
import { findStrategy } from '../../strategies.ts'
import { LOOPBACK } from '../../supervise/ports.ts'
import { type Flag, integerFlag, textFlag } from './flags.ts'
import { nodesUrl } from './nodes-url.ts'
import { logsFlag, seedFlag, targetFlag } from './run-flags.ts'

const PORT = { min: 0, max: 65_535 }

const admin: Flag<URL | undefined> = {
  ...targetFlag,
  help: "the balancer's admin port, to show which nodes get traffic (not shown)",
  otherwise: undefined,
}

const labPorts: Flag<ReadonlyMap<string, { readonly host: string; readonly port: number }>> = {
  placeholder: 'a=HOST:PORT,...',
  help: "the nodes' lab ports (7900 at the host of --nodes-url)",
  otherwise: new Map(),
  takes: 'NAME=HOST:PORT for each node, separated by commas',
  parse(value) {
    const ports = value.split(',').map((each) => /^\s*([\w.-]+)=([\w.-]+):(\d{1,5})\s*$/.exec(each))
    if (ports.some((match) => match === null || Number(match[3]) > PORT.max)) return undefined
    return new Map(ports.map((match) => [match?.[1] ?? '', { host: match?.[2] ?? '', port: Number(match?.[3]) }]))
  },
}

export const attachFlags = {
  'nodes-url': { ...nodesUrl, help: 'the nodes' },
  'lab-ports': labPorts,
  target: targetFlag,
  'balancer-admin': admin,
  strategy: textFlag('a name', { placeholder: 'NAME', help: 'the strategy that the page names', otherwise: 'its own' }),
  'shop-url': textFlag<string | undefined>('a URL', {
    placeholder: 'URL',
    help: 'where people find the shop, for the page (the target)',
    otherwise: undefined,
  }),
  'page-url': textFlag<string | undefined>('a URL', {
    placeholder: 'URL',
    help: 'where people find the live page (the control host and port)',
    otherwise: undefined,
  }),
  'control-host': textFlag('an address', {
    placeholder: 'HOST',
    help: `the address of the live page; 0.0.0.0, with a token, in a container that publishes its port to loopback (${LOOPBACK})`,
    otherwise: LOOPBACK,
  }),
  'control-port': integerFlag(PORT, {
    placeholder: 'N',
    help: 'port of the live page and the control API, 0 for any (4000)',
    otherwise: 4_000,
  }),
  users: integerFlag(
    { min: 0, max: 10_000 },
    { placeholder: 'N', help: 'virtual users, 0 for none (10)', otherwise: 10 },
  ),
  rate: integerFlag(
    { min: 1, max: 10_000 },
    { placeholder: 'N', help: 'operations a second of all virtual users (50)', otherwise: 50 },
  ),
  logs: logsFlag,
  seed: seedFlag,
}

/** Strategies of docker-compose.yml that differ from one of the lab's by their server only. */
const SAME_AS: Readonly<Record<string, string>> = {
  sentinel: 'redis',
  cluster: 'redis',
  postgres: 'database',
  mariadb: 'database',
}

/** What the page says about it. */
export function shownStrategy(name: string): StrategyFacts {
  const known = findStrategy(SAME_AS[name] ?? name)
  if (known !== undefined) return { ...pick(known), name }
  return {
    name,
    routing: 'its own',
    summary: 'a cluster that this lab did not start',
    onNodeDeath: 'what that costs depends on its store',
  }
}

function pick({ routing, summary, onNodeDeath }: StrategyFacts): Omit<StrategyFacts, 'name'> {
  return { routing, summary, onNodeDeath }
}
