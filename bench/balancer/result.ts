/** The result of the bench of the balancer: the figures with their intervals, and the blocks they were made from. */
import type { PlanOptions } from '../harness/command/plan-options.ts'
import type { Environment } from '../harness/environment.ts'
import type { Blocks, Measured, Plan } from '../harness/experiment.ts'
import { type Estimate, estimate, ratio, type Reached, reached } from '../harness/statistics.ts'
import { cpuRatioOf, type Figures, figuresOf, OURS, seriesOf } from '../harness/command/subject-figures.ts'
import { type LoadKind, PACE_PER_SECOND } from './load.ts'
import {
  ADDED_P50_MICROS_MAX,
  type BalancerSubject,
  type CPU_KINDS,
  DIRECT,
  GOALS,
  TWO_WORKERS_CORE_RATIO_MAX,
  UNDICI,
} from './subjects.ts'

/** `pacedRequests`: in one turn of the paced load. */
export type Sizes = Plan & { readonly pacedRequests: number }
export type Options = PlanOptions<BalancerSubject, Sizes>

/** The same balancer twice, by the number of its workers. */
export const WORKERS = [
  ['one worker', 1],
  ['two workers', 2],
] as const
export const WORKERS_KIND = 'get'
export type WorkersKind = typeof WORKERS_KIND

export interface SubjectResult extends Readonly<Record<(typeof CPU_KINDS)[number], Figures>> {
  readonly name: string
  readonly title: string
  readonly version: string
  /** At a steady rate, over the same on the direct way to a node. */
  readonly addedP50Micros: Estimate
  readonly addedP99Micros: Estimate
}

export interface GoalResult {
  readonly what: string
  readonly found: Estimate
  readonly max: number
  readonly is: Reached
}

export interface BalancerResult {
  readonly schema: 1
  readonly bench: 'balancer'
  readonly startedAt: string
  readonly environment: Environment
  readonly options: Readonly<Record<string, unknown>>
  readonly seed: number
  readonly subjects: readonly SubjectResult[]
  /** Of the busiest of two cores for a request. */
  readonly workers: readonly { readonly name: string; readonly coreMicrosPerRequest: Estimate }[]
  readonly goals: readonly GoalResult[]
  /** Programs that are not on this machine, and how to get them. */
  readonly missing: Readonly<Record<string, string>>
  readonly blocks: Readonly<Record<string, Readonly<Record<LoadKind, readonly Measured[]>>>>
  /** Their CPU time is that of the busiest core. */
  readonly workerBlocks: Readonly<Record<string, Readonly<Record<WorkersKind, readonly Measured[]>>>>
}

export interface Found {
  readonly startedAt: Date
  readonly environment: Environment
  readonly options: Options
  readonly subjects: readonly BalancerSubject[]
  readonly missing: Readonly<Record<string, string>>
  readonly blocks: Blocks<LoadKind>
  readonly workerBlocks: Blocks<WorkersKind>
}

export function balancerResult(found: Found): BalancerResult {
  const { startedAt, environment, options, subjects, missing, blocks, workerBlocks } = found
  const { seed, quick, warmUpRequests, requests, pacedRequests } = options
  const added = (name: string, figure: 'p50Micros' | 'p99Micros'): Estimate => addedOf(blocks, name, figure)
  return {
    schema: 1,
    bench: 'balancer',
    startedAt: startedAt.toISOString(),
    environment,
    options: { quick, warmUpRequests, blocks: options.blocks, requests, pacedRequests, pacePerSecond: PACE_PER_SECOND },
    seed,
    subjects: subjects.map(({ name, title, version = '' }) => ({
      name,
      title,
      version,
      get: figuresOf(blocks, name, 'get'),
      post: figuresOf(blocks, name, 'post'),
      shop: figuresOf(blocks, name, 'shop'),
      addedP50Micros: added(name, 'p50Micros'),
      addedP99Micros: added(name, 'p99Micros'),
    })),
    workers: WORKERS.map(([name]) => ({
      name,
      coreMicrosPerRequest: estimate(coreSeries(workerBlocks, name)),
    })),
    goals: [...goalsOf(blocks), workersGoal(workerBlocks)],
    missing,
    blocks: Object.fromEntries(blocks),
    workerBlocks: Object.fromEntries(workerBlocks),
  }
}

function addedOf(blocks: Blocks<LoadKind>, name: string, figure: 'p50Micros' | 'p99Micros'): Estimate {
  const direct = seriesOf(blocks, DIRECT, 'paced', figure)
  const added = seriesOf(blocks, name, 'paced', figure).map((micros, block) => micros - (direct[block] ?? 0))
  return estimate(added)
}

function goalsOf(blocks: Blocks<LoadKind>): GoalResult[] {
  const ratios = GOALS.filter(({ of, to }) => blocks.has(of) && blocks.has(to)).flatMap(({ of, to, kinds, ratioMax }) =>
    kinds.map((kind) => goal(`${of} ÷ ${to}, ${kind}`, cpuRatioOf(blocks, [of, to], kind), ratioMax)),
  )
  const added = [OURS, UNDICI]
    .filter((name) => blocks.has(name))
    .map((name) => {
      const what = `${name}, added p50 in µs at ${PACE_PER_SECOND} requests a second`
      return goal(what, addedOf(blocks, name, 'p50Micros'), ADDED_P50_MICROS_MAX)
    })
  return [...ratios, ...added]
}

function workersGoal(blocks: Blocks<WorkersKind>): GoalResult {
  const [[one], [two]] = WORKERS
  const found = ratio(coreSeries(blocks, two), coreSeries(blocks, one))
  return goal('the busiest core of two workers ÷ of one, get', found, TWO_WORKERS_CORE_RATIO_MAX)
}

function coreSeries(blocks: Blocks<WorkersKind>, name: string): number[] {
  return seriesOf(blocks, name, WORKERS_KIND, 'cpuMicrosPerRequest')
}

function goal(what: string, found: Estimate, max: number): GoalResult {
  return { what, found, max, is: reached(found, max) }
}
