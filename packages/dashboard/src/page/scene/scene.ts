/** A scene: what a cluster is made of, and the faults that it meets. It fits in a link. */
import type { ClusterState, TraceEvent } from '@ninelives/history'
import { type Bounds, type Figure, FIGURES } from '../data/lab.ts'

export interface Scene {
  readonly strategy: string
  /** The strategy of a second cluster that meets the same. */
  readonly beside?: string
  readonly nodes: number
  readonly users: number
  readonly tabs: number
  readonly rate: number
  readonly seed: number
  readonly edges: boolean
  readonly faults: readonly PlannedFault[]
}

export interface PlannedFault {
  readonly kind: string
  readonly target: string
  /** Since the cluster served. */
  readonly afterMs: number
  readonly options: Readonly<Record<string, string | number>>
}

const NAME = /^[a-z][a-z-]{0,30}$/
/** A node, the store, an edge such as `a>b` or `*>store`, or several: all edges of twelve nodes. */
const TARGET = /^[a-z*][a-z*>,-]{0,1000}$/
const OPTION = /^(\w{1,30})=([ -~]{1,120})$/
/** What begins an option. A value may contain colons, as a route does. */
const BEFORE_OPTION = /:(?=\w{1,30}=)/
const FAULTS_MAX = 50

/** The part of a link after `#`. A fault is KIND:TARGET@SECONDS, with its options after that. */
export function linkOf({ strategy, beside, edges, faults, ...figures }: Scene): string {
  const query = new URLSearchParams({ strategy, ...(beside === undefined ? {} : { beside }) })
  for (const name of FIGURES) query.set(name, String(figures[name]))
  if (edges) query.set('edges', 'on')
  for (const { kind, target, afterMs, options } of faults) {
    const more = Object.entries(options).map(([name, value]) => `:${name}=${value}`)
    query.append('fault', `${kind}:${target}@${Math.round(afterMs / 100) / 10}${more.join('')}`)
  }
  // These are legal there, and easier to read.
  return query.toString().replaceAll('%3A', ':').replaceAll('%40', '@').replaceAll('%2C', ',')
}

/** The scene of a link, or undefined if it has none. What is missing in it, or is out of bounds, is as `otherwise`. */
export function sceneOf(hash: string, otherwise: Scene, bounds: Bounds): Scene | undefined {
  const query = new URLSearchParams(hash.replace(/^#/, ''))
  const strategy = query.get('strategy')
  if (strategy === null || !NAME.test(strategy)) return undefined
  const beside = query.get('beside')
  const figures = Object.fromEntries(
    FIGURES.map((name) => {
      const { min, max } = bounds[name]
      const value = query.get(name)
      const isRight = value !== null && /^\d{1,10}$/.test(value) && Number(value) >= min && Number(value) <= max
      return [name, isRight ? Number(value) : otherwise[name]]
    }),
  ) as Pick<Scene, Figure>
  return {
    strategy,
    ...(beside !== null && NAME.test(beside) ? { beside } : {}),
    ...figures,
    edges: query.get('edges') === 'on',
    faults: query
      .getAll('fault')
      .slice(0, FAULTS_MAX)
      .flatMap((text) => faultOf(text))
      .toSorted((a, b) => a.afterMs - b.afterMs),
  }
}

function faultOf(text: string): PlannedFault[] {
  const [, kind = '', target = '', seconds, more = ''] =
    /^([^:]+):([^@]+)@(\d{1,5}(?:\.\d)?)((?::.*)?)$/.exec(text) ?? []
  if (!NAME.test(kind) || !TARGET.test(target)) return []
  const options = more.split(BEFORE_OPTION).flatMap((option) => {
    const [, name, value] = OPTION.exec(option) ?? []
    if (name === undefined || value === undefined) return []
    return [[name, /^-?\d+$/.test(value) ? Number(value) : value] as const]
  })
  return [{ kind, target, afterMs: Number(seconds) * 1_000, options: Object.fromEntries(options) }]
}

/** The scene of a running cluster, without faults. */
export function sceneNow({ strategy, nodes, users, seed }: ClusterState, edges: boolean): Scene {
  const { all, tabs, rate } = users
  return { strategy: strategy.name, nodes: nodes.length, users: all, tabs, rate, seed, edges, faults: [] }
}

/** A node's death heals by its restart. */
const HEALED_BY_RESTART: ReadonlySet<string> = new Set(['kill', 'crash', 'drain'])

/** The faults of a recording. One that was healed lasts as long as it did. */
export function faultsOf(events: readonly TraceEvent[]): readonly PlannedFault[] {
  const readyAtMs = events.find(({ type }) => type === 'cluster-ready')?.atMs
  if (readyAtMs === undefined) return []
  const faults = new Map<string, PlannedFault>()
  const landed = new Set<string>()
  for (const event of events) {
    if (event.type === 'fault-injected') {
      const { type: _type, seq: _seq, atMs, fault, kind, target, ...options } = event
      faults.set(fault, { kind, target, afterMs: Math.max(0, atMs - readyAtMs), options: { ...options } })
    } else if (event.type === 'fault-confirmed') landed.add(event.fault)
    // One that landed and could not be healed stands.
    else if (event.type === 'fault-failed' && !landed.has(event.fault)) faults.delete(event.fault)
    else if (event.type === 'fault-healed') {
      const planned = faults.get(event.fault)
      if (planned === undefined || HEALED_BY_RESTART.has(planned.kind)) continue
      const durationMs = Math.max(1, Math.round(event.atMs - readyAtMs - planned.afterMs))
      faults.set(event.fault, { ...planned, options: { durationMs, ...planned.options } })
    }
  }
  return [...faults.values()]
}

/** What starts a lab with the scene's cluster; its faults are in the link. */
export function commandOf({ strategy, nodes, users, tabs, rate, seed, edges }: Scene): string {
  const flags = {
    strategy,
    nodes,
    users,
    ...(tabs === 1 ? {} : { tabs }),
    rate,
    seed,
    ...(edges ? { edges: 'on' } : {}),
  }
  return `npm start -- ${Object.entries(flags)
    .map(([name, value]) => `--${name} ${shellWord(String(value))}`)
    .join(' ')}`
}

/** A recording may come from anywhere, and its command is to be pasted into a shell. */
function shellWord(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
