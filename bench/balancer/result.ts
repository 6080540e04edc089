/** What the bench of the balancer found: the figures with their intervals, and the blocks they were made from. */
import { type LoadKind, PACE_PER_SECOND } from './load.ts'
import type { Options } from './options.ts'
import { ADDED_P50_MICROS_MAX, type BalancerSubject, CPU_KINDS, DIRECT, GOALS, OURS, OURS_AGAIN } from './subjects.ts'
import type { Environment } from '../harness/environment.ts'
import type { Blocks, Measured } from '../harness/experiment.ts'
import {
  type Estimate,
  estimate,
  type Finding,
  finding,
  ratio,
  type Reached,
  reached,
  seededRandom,
} from '../harness/statistics.ts'

type CpuKind = (typeof CPU_KINDS)[number]

export interface CpuFigures {
  readonly cpuMicrosPerRequest: Estimate
  readonly p50Micros: Estimate
  readonly p99Micros: Estimate
  /** The CPU time of ninelives over http-proxy, over this subject's. */
  readonly cpuRatio: Estimate & { readonly finding: Finding }
}

export interface SubjectResult extends Readonly<Record<CpuKind, CpuFigures>> {
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
  readonly missing: readonly BalancerSubject[]
  readonly blocks: Blocks<LoadKind>
}

export function balancerResult({ startedAt, environment, options, subjects, missing, blocks }: Found): BalancerResult {
  const { seed, quick, warmUpRequests, requests, pacedRequests } = options
  const read = blocksReader(blocks, seed)
  return {
    schema: 1,
    bench: 'balancer',
    startedAt: startedAt.toISOString(),
    environment,
    options: { quick, warmUpRequests, blocks: options.blocks, requests, pacedRequests, pacePerSecond: PACE_PER_SECOND },
    seed,
    subjects: subjects.map(({ name, title, program }) => ({
      name,
      title,
      version: program.version ?? '',
      get: read.cpu(name, 'get'),
      post: read.cpu(name, 'post'),
      addedP50Micros: read.added(name, 'p50Micros'),
      addedP99Micros: read.added(name, 'p99Micros'),
    })),
    goals: goalsOf(new Set(subjects.map(({ name }) => name)), read),
    missing: Object.fromEntries(missing.map(({ name, hint = '' }) => [name, hint])),
    blocks: Object.fromEntries(blocks),
  }
}

/** Whether ninelives seems to differ from itself: then the machine was too restless for what this run says. */
export function differsFromItself({ subjects }: BalancerResult): boolean {
  const again = subjects.find(({ name }) => name === OURS_AGAIN)
  return CPU_KINDS.some((kind) => ['less', 'more'].includes(again?.[kind].cpuRatio.finding ?? ''))
}

/** Each figure with the same resampling: how many subjects there are must not change the interval of any. */
function blocksReader(blocks: Blocks<LoadKind>, seed: number) {
  const series = (name: string, kind: LoadKind, figure: keyof Measured): number[] =>
    (blocks.get(name)?.[kind] ?? []).map((block) => block[figure])
  const cpuRatio = (of: string, to: string, kind: CpuKind): Estimate =>
    ratio(series(of, kind, 'cpuMicrosPerRequest'), series(to, kind, 'cpuMicrosPerRequest'), seededRandom(seed))

  return {
    cpuRatio,

    cpu(name: string, kind: CpuKind): CpuFigures {
      const found = cpuRatio(OURS, name, kind)
      return {
        cpuMicrosPerRequest: estimate(series(name, kind, 'cpuMicrosPerRequest'), seededRandom(seed)),
        p50Micros: estimate(series(name, kind, 'p50Micros'), seededRandom(seed)),
        p99Micros: estimate(series(name, kind, 'p99Micros'), seededRandom(seed)),
        cpuRatio: { ...found, finding: finding(found) },
      }
    },

    added(name: string, figure: 'p50Micros' | 'p99Micros'): Estimate {
      const direct = series(DIRECT, 'paced', figure)
      const added = series(name, 'paced', figure).map((micros, block) => micros - (direct[block] ?? 0))
      return estimate(added, seededRandom(seed))
    },
  }
}

function goalsOf(present: ReadonlySet<string>, read: ReturnType<typeof blocksReader>): GoalResult[] {
  const ratios = GOALS.filter(({ of, to }) => present.has(of) && present.has(to)).flatMap(({ of, to, ratioMax }) =>
    CPU_KINDS.map((kind) => {
      const found = read.cpuRatio(of, to, kind)
      return { what: `${of} ÷ ${to}, ${kind}`, found, max: ratioMax, is: reached(found, ratioMax) }
    }),
  )
  const added = [OURS, 'ninelives-undici']
    .filter((name) => present.has(name))
    .map((name) => {
      const found = read.added(name, 'p50Micros')
      const what = `${name}, added p50 in µs at ${PACE_PER_SECOND} requests a second`
      return { what, found, max: ADDED_P50_MICROS_MAX, is: reached(found, ADDED_P50_MICROS_MAX) }
    })
  return [...ratios, ...added]
}
