/** The result of the bench of the balancer: the figures with their intervals, and the blocks they were made from. */
import { seededRandom } from '@ninelives/lab'
import type { PlanOptions } from '../harness/command/plan-options.ts'
import type { Environment } from '../harness/environment.ts'
import type { Blocks, Measured, Plan } from '../harness/experiment.ts'
import { type Estimate, estimate, type Reached, reached } from '../harness/statistics.ts'
import { cpuRatioOf, type Figures, figuresOf, OURS, seriesOf } from '../harness/command/subject-figures.ts'
import { type LoadKind, PACE_PER_SECOND } from './load.ts'
import { ADDED_P50_MICROS_MAX, type BalancerSubject, CPU_KINDS, DIRECT, GOALS, UNDICI } from './subjects.ts'

/** `pacedRequests`: in one turn of the paced load. */
export type Sizes = Plan & { readonly pacedRequests: number }
export type Options = PlanOptions<BalancerSubject, Sizes>

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
  readonly goals: readonly GoalResult[]
  /** Programs that are not on this machine, and how to get them. */
  readonly missing: Readonly<Record<string, string>>
  readonly blocks: Readonly<Record<string, Readonly<Record<LoadKind, readonly Measured[]>>>>
}

export interface Found {
  readonly startedAt: Date
  readonly environment: Environment
  readonly options: Options
  readonly subjects: readonly BalancerSubject[]
  readonly missing: Readonly<Record<string, string>>
  readonly blocks: Blocks<LoadKind>
}

export function balancerResult({ startedAt, environment, options, subjects, missing, blocks }: Found): BalancerResult {
  const { seed, quick, warmUpRequests, requests, pacedRequests } = options
  const added = (name: string, figure: 'p50Micros' | 'p99Micros'): Estimate => addedOf(blocks, name, figure, seed)
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
      get: figuresOf(blocks, name, 'get', seed),
      post: figuresOf(blocks, name, 'post', seed),
      addedP50Micros: added(name, 'p50Micros'),
      addedP99Micros: added(name, 'p99Micros'),
    })),
    goals: goalsOf(blocks, seed),
    missing,
    blocks: Object.fromEntries(blocks),
  }
}

function addedOf(blocks: Blocks<LoadKind>, name: string, figure: 'p50Micros' | 'p99Micros', seed: number): Estimate {
  const direct = seriesOf(blocks, DIRECT, 'paced', figure)
  const added = seriesOf(blocks, name, 'paced', figure).map((micros, block) => micros - (direct[block] ?? 0))
  return estimate(added, seededRandom(seed))
}

function goalsOf(blocks: Blocks<LoadKind>, seed: number): GoalResult[] {
  const ratios = GOALS.filter(({ of, to }) => blocks.has(of) && blocks.has(to)).flatMap(({ of, to, ratioMax }) =>
    CPU_KINDS.map((kind) => goal(`${of} ÷ ${to}, ${kind}`, cpuRatioOf(blocks, [of, to], kind, seed), ratioMax)),
  )
  const added = [OURS, UNDICI]
    .filter((name) => blocks.has(name))
    .map((name) => {
      const what = `${name}, added p50 in µs at ${PACE_PER_SECOND} requests a second`
      return goal(what, addedOf(blocks, name, 'p50Micros', seed), ADDED_P50_MICROS_MAX)
    })
  return [...ratios, ...added]
}

function goal(what: string, found: Estimate, max: number): GoalResult {
  return { what, found, max, is: reached(found, max) }
}
