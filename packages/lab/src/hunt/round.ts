/** One run of `prove` in a hunt, drawn from a seed. */
import { count } from '@ninelives/history'
import { seededRandom, SEED_MAX } from '../random.ts'
import { type Ground, OWN } from './grounds.ts'

export interface Round {
  readonly strategy: string
  /** Other flags of its ground. */
  readonly flags: Readonly<Record<string, string>>
  readonly faults: readonly string[]
  readonly kills: number
  readonly overlap: number
  readonly nodes: number
  readonly users: number
  readonly tabs: number
  readonly rate: number
  readonly keys: string
  readonly schedule: string
  readonly seed: number
}

/** What the user fixed; the rest is drawn. */
export interface Fixed {
  readonly faults: readonly string[] | undefined
  readonly nodes: number | undefined
  readonly rate: number | undefined
}

const KINDS_MAX = 4
const KILLS = [4, 6, 8, 12]
const OVERLAPS = [1, 1, 2, 3]
const USERS = [8, 16, 30]
const USERS_MIN = 2
const RATES = [30, 50, 80]
/** Gives every round a sequence of its own, so that a hunt goes on where it was interrupted. */
const ROUND_STEP = 0x9e3779b1

export function drawRound(grounds: readonly Ground[], fixed: Fixed, seed: number, number: number): Round {
  const random = seededRandom((seed + number * ROUND_STEP) >>> 0)
  const below = (limit: number): number => Math.floor(random() * limit)
  const one = <T>(from: readonly T[]): T => from[below(from.length)] as T
  const ground = one(grounds)
  const { strategy, flags, kinds, nodesMin, nodesMax, tabsMax } = ground
  const drawn = Array.from({ length: 1 + below(KINDS_MAX) }, () => one(kinds))
  const nodes = nodesMin + below(nodesMax - nodesMin + 1)
  const overlap = one(OVERLAPS)
  return {
    strategy,
    flags,
    faults: fixed.faults ?? drawn,
    kills: one(KILLS),
    overlap,
    nodes: fixed.nodes ?? nodes,
    users: one(USERS),
    tabs: 1 + below(tabsMax),
    rate: fixed.rate ?? one(RATES),
    keys: one(['none', 'sent']),
    schedule: one(['time', 'operations']),
    seed: below(SEED_MAX),
  }
}

/** The arguments of `ninelives` that run it. */
export function argumentsOf({ strategy, flags, faults, ...numbers }: Round): string[] {
  const given = { ...(strategy === OWN ? {} : { strategy }), ...flags, faults: faults.join(','), ...numbers }
  return ['prove', ...Object.entries(given).flatMap(([name, value]) => [`--${name}`, String(value)])]
}

/** As a user types it. */
export function commandOf(round: Round): string {
  return ['npx ninelives', ...argumentsOf(round).map((word) => (/^[\w./:,@-]+$/.test(word) ? word : `'${word}'`))].join(
    ' ',
  )
}

/** In one line. */
export function textOf({ strategy, flags, faults, kills, overlap, nodes, tabs, schedule }: Round): string {
  const over = flags['database'] === undefined ? '' : ` over ${flags['database']}`
  const storm = overlap > 1 ? `, ${overlap} at once` : ''
  const by = schedule === 'operations' ? ', by operations' : ''
  return `${strategy}${over}, ${count(nodes, 'node')}, ${count(tabs, 'tab')}: ${kills} of ${faults.join(' ')}${storm}${by}`
}

/** Simpler ones, the largest steps first. */
export function simpler(round: Round, nodesMin: number): Round[] {
  const { faults, kills, overlap, nodes, users, tabs, keys } = round
  const half = Math.ceil(faults.length / 2)
  const fewer =
    faults.length < 2
      ? []
      : faults.length === 2
        ? [faults.slice(0, 1), faults.slice(1)]
        : [faults.slice(0, half), faults.slice(half), ...faults.map((_, index) => faults.toSpliced(index, 1))]
  return [
    ...fewer.map((some) => withFaults(round, some)),
    ...(kills > 1 ? [{ ...round, kills: Math.floor(kills / 2) }] : []),
    ...(overlap > 1 ? [{ ...round, overlap: overlap - 1 }] : []),
    ...(tabs > 1 ? [{ ...round, tabs: 1 }] : []),
    ...(nodes > nodesMin ? [{ ...round, nodes: nodesMin }] : []),
    ...(users > USERS_MIN ? [{ ...round, users: Math.ceil(users / 2) }] : []),
    ...(keys === 'sent' ? [{ ...round, keys: 'none' }] : []),
  ]
}

function withFaults(round: Round, faults: Round['faults']): Round {
  return { ...round, faults }
}
