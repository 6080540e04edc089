/** What each strategy goes through, and what came of it as it is kept. */
import { strategies } from '@ninelives/lab'

export const PROOFS_SCHEMA = 1
/** Faults of a run. */
export const FAULTS = { nodes: 20, store: 20 } as const
export const USERS = 60
export const TABS = 2
/** Operations a second: few enough for two cores. */
const RATE = 80
const SEED = 1

export type Broken = keyof typeof FAULTS

/** Kinds of faults, in turn. */
export const KINDS: Readonly<Record<Broken, readonly string[]>> = {
  nodes: ['kill', 'pause', 'crash', 'drain'],
  store: ['kill@store', 'pause@store'],
}

export interface ProofPlan {
  readonly strategy: string
  /** Without it, the strategy's own: SQLite for `database`, Redis for `hybrid`. */
  readonly database?: string
  readonly write?: 'behind'
  readonly broken: Broken
}

/** Of a verdict, what the table needs. */
export interface Proof extends ProofPlan {
  readonly seed: number
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  readonly faults: { readonly landed: number; readonly missed: number }
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number }
  readonly sessions: { readonly begun: number; readonly lost: number }
  readonly writes: { readonly acknowledged: number; readonly lost: number }
  readonly anomalies: readonly { readonly kind: string; readonly times: number }[]
  readonly doubts: readonly string[]
}

export interface Proofs {
  readonly schema: number
  readonly processor: string
  readonly node: string
  readonly proofs: readonly Proof[]
}

/** What a strategy can be over or do beside its default. */
const VARIANTS: readonly ProofPlan[] = [
  { strategy: 'database', database: 'postgres', broken: 'nodes' },
  { strategy: 'database', database: 'mariadb', broken: 'nodes' },
  { strategy: 'hybrid', database: 'postgres', broken: 'nodes' },
  { strategy: 'hybrid', database: 'sqlite', broken: 'nodes' },
  { strategy: 'hybrid', write: 'behind', broken: 'nodes' },
]

/** Those whose store is a server that the lab can break. */
const WITH_SERVER: readonly ProofPlan[] = [
  { strategy: 'redis', broken: 'store' },
  { strategy: 'memcached', broken: 'store' },
  { strategy: 'database', database: 'postgres', broken: 'store' },
  { strategy: 'database', database: 'mariadb', broken: 'store' },
  { strategy: 'hybrid', broken: 'store' },
  { strategy: 'hybrid', database: 'postgres', broken: 'store' },
]

export const plans: readonly ProofPlan[] = [
  ...strategies.map(({ name }): ProofPlan => ({ strategy: name, broken: 'nodes' })),
  ...VARIANTS,
  ...WITH_SERVER,
]

/** The arguments of `ninelives`. */
export function proveArguments({ strategy, database, write, broken }: ProofPlan, directory: string): string[] {
  const flags = {
    strategy,
    ...(database === undefined ? {} : { database }),
    ...(write === undefined ? {} : { write }),
    faults: KINDS[broken].join(','),
    kills: FAULTS[broken],
    users: USERS,
    tabs: TABS,
    rate: RATE,
    seed: SEED,
    logs: directory,
  }
  return ['prove', ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])]
}

export function nameOf({ strategy, database, write, broken }: ProofPlan): string {
  return [strategy, database, write, broken].filter((part) => part !== undefined).join('-')
}
