/**
 * The result of the bench of costs: what an idle cluster costs, what one more request adds, and what follows for a
 * rate. Pure: the figures come from the turns.
 */
import type { Environment } from '../harness/environment.ts'
import { type Estimate, estimate, ratio } from '../harness/statistics.ts'

export const COST_SCHEMA = 1

/** By part of the cluster; of all nodes together. */
export interface Parts {
  readonly balancer: number
  readonly node: number
  readonly store: number
}

/** In milliseconds of CPU a second. */
export interface Loaded {
  /** Asked for, and reached. */
  readonly rate: number
  readonly perSecond: number
  readonly msPerSecond: Parts
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface Turn {
  readonly idle: Parts
  readonly loaded: readonly Loaded[]
  /** Of the machine, that other processes had. */
  readonly othersShare?: number
}

export interface CostPlan {
  readonly blocks: number
  readonly nodes: number
  /** Requests a second. */
  readonly rates: readonly number[]
  /** Asked for; a cluster that serves less gets as many in more time. */
  readonly warmUpRate: number
  readonly warmUpSeconds: number
  /** After the warm-up, before it counts as idle. */
  readonly settleSeconds: number
  readonly idleSeconds: number
  readonly seconds: number
}

export interface CostContestant {
  readonly name: string
  readonly title: string
  readonly role: 'strategy' | 'peer'
  /** One a block; shorter than the others while the run is going on. */
  readonly turns: readonly Turn[]
}

export interface CostResult {
  readonly schema: typeof COST_SCHEMA
  readonly bench: 'cost'
  readonly startedAt: string
  readonly environment: Environment
  readonly quick: boolean
  readonly plan: CostPlan
  readonly seed: number
  readonly contestants: readonly CostContestant[]
  /** Why those are left out that this machine can't run. */
  readonly missing: Readonly<Record<string, string>>
}

type Part = keyof Parts
export const PARTS: readonly Part[] = ['balancer', 'node', 'store']
/** For which the cost is told. */
export const TOLD_RATES = [30, 300, 3_000] as const
/** What the others are compared with, at this rate. */
export const BASELINE = 'haproxy-plain'
export const COMPARED_RATE = 300

export interface CostFigures {
  /** Milliseconds of CPU a second; of all nodes together. */
  readonly idle: Readonly<Record<Part, Estimate>>
  readonly idleAll: Estimate
  /** Microseconds of CPU that one more request adds. */
  readonly adds: Readonly<Record<Part, Estimate>>
  readonly addsAll: Estimate
  /** Milliseconds of CPU a second at each of TOLD_RATES. */
  readonly at: readonly Estimate[]
  /** At COMPARED_RATE, over BASELINE in the same block; absent where that was not measured. */
  readonly ratio: Estimate | undefined
}

export function figuresOf({ contestants }: CostResult, { turns }: CostContestant): CostFigures {
  const of = (figure: (turn: Turn) => number): Estimate => estimate(turns.map(figure))
  const byPart = (figure: (turn: Turn, part: Part) => number): Readonly<Record<Part, Estimate>> => ({
    balancer: of((turn) => figure(turn, 'balancer')),
    node: of((turn) => figure(turn, 'node')),
    store: of((turn) => figure(turn, 'store')),
  })
  const baseline = contestants.find(({ name }) => name === BASELINE)?.turns ?? []
  const paired = Math.min(turns.length, baseline.length)
  return {
    idle: byPart(({ idle }, part) => idle[part]),
    idleAll: of(({ idle }) => all(idle)),
    adds: byPart((turn, part) => slope(turn, (parts) => parts[part])),
    addsAll: of((turn) => slope(turn, all)),
    at: TOLD_RATES.map((rate) => of((turn) => costAt(turn, rate))),
    ratio:
      paired === 0
        ? undefined
        : ratio(turns.slice(0, paired).map(costCompared), baseline.slice(0, paired).map(costCompared)),
  }
}

/** Milliseconds of CPU a second of the whole cluster: on the lines from idle through what was measured, and beyond that by the slope. */
export function costAt(turn: Turn, perSecond: number): number {
  const measured = turn.loaded.map((each) => ({ rate: each.perSecond, cost: all(each.msPerSecond) }))
  const points = [{ rate: 0, cost: all(turn.idle) }, ...measured].sort((one, other) => one.rate - other.rate)
  const from = points.findLast(({ rate }) => rate <= perSecond) as (typeof points)[number]
  const to = points.find(({ rate }) => rate > perSecond)
  const micros = to === undefined ? slope(turn, all) : (1_000 * (to.cost - from.cost)) / (to.rate - from.rate)
  return from.cost + (micros * (perSecond - from.rate)) / 1_000
}

function costCompared(turn: Turn): number {
  return costAt(turn, COMPARED_RATE)
}

export function all({ balancer, node, store }: Parts): number {
  return balancer + node + store
}

/** Microseconds that one more request adds: of the line through the measured rates, by least squares. */
export function slope({ loaded }: Turn, figure: (parts: Parts) => number): number {
  const mean = (of: (each: Loaded) => number): number => loaded.reduce((sum, each) => sum + of(each), 0) / loaded.length
  const meanRate = mean(({ perSecond }) => perSecond)
  const meanCost = mean(({ msPerSecond }) => figure(msPerSecond))
  const covariance = mean(({ perSecond, msPerSecond }) => (perSecond - meanRate) * (figure(msPerSecond) - meanCost))
  return (1_000 * covariance) / mean(({ perSecond }) => (perSecond - meanRate) ** 2)
}
