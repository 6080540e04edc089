/** Where a hunt looks: each strategy with the faults that it promises to survive. Any anomaly there is a defect. */
import { whyNoPower } from '../power/power.ts'
import { findServer } from '../cluster/servers/index.ts'
import { TABS_MAX } from '../users/load.ts'

export interface Ground {
  readonly strategy: string
  /** Other flags of `prove` that belong to it. */
  readonly flags: Readonly<Record<string, string>>
  readonly kinds: readonly string[]
  readonly nodesMin: number
  readonly nodesMax: number
  readonly tabsMax: number
  /** Undefined: it needs only the nodes. */
  readonly server?: 'redis' | 'postgres' | 'mariadb' | 'memcached'
}

/** They leave the process and its memory. */
const HARMLESS = ['stall', 'memory', 'descriptors', 'clock', 'latency', 'bandwidth', 'hold', 'reset', 'cut']
const CRASHES = ['before-read', 'before-commit', 'after-commit', 'after-response'].map((point) => `crash:${point}`)
const OF_NODES = ['kill', 'pause', 'drain', 'rolling', ...CRASHES, 'crash:after-commit:login', ...HARMLESS]
const OF_MESH = [...OF_NODES, 'partition', 'partition@minority', 'kill@owner', 'latency@a>*']
/** They leave the server's data. */
const OF_SERVER = [...OF_NODES, 'partition', 'pause@store', 'latency@*>store', 'hold@*>store', 'reset@*>store']
const OF_DURABLE_SERVER = [...OF_SERVER, 'kill@store']
const POWER = 'power'

const SEVERAL = { nodesMin: 3, nodesMax: 5, tabsMax: TABS_MAX }
const ALONE = { nodesMin: 1, nodesMax: 1, tabsMax: TABS_MAX }

const grounds: readonly Ground[] = [
  { strategy: 'replicated', flags: {}, kinds: OF_MESH, ...SEVERAL },
  { strategy: 'clustered', flags: {}, kinds: OF_MESH, ...SEVERAL, nodesMin: 4 },
  { strategy: 'redis', flags: {}, kinds: OF_SERVER, server: 'redis', ...SEVERAL },
  {
    strategy: 'redis',
    flags: { durability: 'always' },
    kinds: [...OF_DURABLE_SERVER, POWER],
    server: 'redis',
    ...SEVERAL,
  },
  { strategy: 'database', flags: { database: 'sqlite' }, kinds: [...OF_NODES, POWER], ...SEVERAL },
  {
    strategy: 'database',
    flags: { database: 'postgres' },
    kinds: [...OF_DURABLE_SERVER, POWER],
    server: 'postgres',
    ...SEVERAL,
  },
  {
    strategy: 'database',
    flags: { database: 'mariadb' },
    kinds: OF_DURABLE_SERVER,
    server: 'mariadb',
    ...SEVERAL,
  },
  {
    strategy: 'hybrid',
    flags: { durability: 'always' },
    kinds: [...OF_DURABLE_SERVER, POWER],
    server: 'redis',
    ...SEVERAL,
  },
  { strategy: 'hybrid', flags: { database: 'sqlite' }, kinds: [...OF_NODES, POWER], ...SEVERAL },
  {
    strategy: 'hybrid',
    flags: { database: 'postgres' },
    kinds: OF_DURABLE_SERVER,
    server: 'postgres',
    ...SEVERAL,
  },
  // Of two tabs that write at once, one loses its write.
  { strategy: 'token', flags: {}, kinds: OF_NODES, ...SEVERAL, tabsMax: 1 },
  { strategy: 'memcached', flags: {}, kinds: OF_SERVER, server: 'memcached', ...SEVERAL },
  // A node's death loses its sessions, and so does another node in its place.
  { strategy: 'sticky', flags: {}, kinds: HARMLESS, ...ALONE },
  { strategy: 'memory', flags: {}, kinds: HARMLESS, ...ALONE },
]

export interface Grounds {
  readonly grounds: readonly Ground[]
  /** What this machine lacks, in words. */
  readonly leftOut: readonly string[]
}

/** Those that this machine can have. */
export function groundsOf(searchPath: string): Grounds {
  const noPower = whyNoPower(searchPath)
  const isThere = ({ server }: Ground): boolean => server === undefined || findServer(server, searchPath) !== undefined
  const missing = new Set(grounds.flatMap((each) => (isThere(each) ? [] : [each.server])))
  return {
    grounds: grounds.filter(isThere).map((each) => (noPower === undefined ? each : withoutPower(each))),
    leftOut: [
      ...[...missing].map((server) => `what needs ${server}, which is not on the PATH`),
      ...(noPower === undefined ? [] : [`${POWER}: ${noPower}`]),
    ],
  }
}

function withoutPower(ground: Ground): Ground {
  return { ...ground, kinds: ground.kinds.filter((kind) => kind !== POWER) }
}

/** The strategy of a store of the user's own. */
export const OWN = 'custom'

/** A store of the user's own: what it survives is its own to say, so only nodes are broken. */
export function groundOfStore(store: string): Ground {
  return { strategy: OWN, flags: { store }, kinds: OF_NODES, ...SEVERAL }
}
