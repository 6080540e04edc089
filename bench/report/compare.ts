/**
 * Two runs side by side: each figure of a strategy that both runs measured in the same scenario, as a ratio of medians.
 *
 * The runs were at different times, so no block of one has a partner in the other, and the machine's drift between them is in every
 * ratio: such a comparison calls equal systems different far more often than one time in twenty. It shows where to look; one run with
 * both is the proof.
 */
import { isDeepStrictEqual } from 'node:util'
import { seededRandom } from '@ninelives/lab'
import type { BenchResult, HealthyBlock, KillRecord, StrategyResult } from '../result.ts'
import { type Estimate, finding, type Finding, median, type Random } from '../harness/statistics.ts'
import { countedBlocks, countedKills, differsFromItself, isMeasured, type Measured } from './drawing/reading.ts'

export interface RunsCompared {
  readonly rows: readonly PairedFigure[]
  readonly losses: readonly PairedLoss[]
  /** Strategies that only one of the runs has figures of. */
  readonly unpaired: readonly string[]
  /** Other differences between the runs, and doubts about one of them. */
  readonly cautions: readonly string[]
}

export interface PairedFigure {
  readonly title: string
  readonly scenario: string
  readonly figure: string
  readonly unit: string
  readonly base: number
  readonly other: number
  /** The other run's figure over the base's. */
  readonly ratio: Estimate
  readonly finding: Finding
}

export interface PairedLoss {
  readonly title: string
  readonly scenario: string
  readonly base: Measured['figures']
  readonly other: Measured['figures']
}

interface Figure {
  readonly name: string
  readonly unit: string
  readonly values: (entry: StrategyResult) => number[]
}

const ofKills = (name: string, unit: string, value: (kill: KillRecord) => number): Figure => ({
  name,
  unit,
  values: (entry) => countedKills(entry).map(value),
})

const ofBlocks = (name: string, unit: string, value: (block: HealthyBlock) => number): Figure => ({
  name,
  unit,
  values: (entry) => countedBlocks(entry).map(value),
})

const FIGURES: readonly Figure[] = [
  ofKills('Outage', 'ms', ({ outageMs }) => outageMs),
  ofBlocks('Healthy p50', 'ms', ({ p50Ms }) => p50Ms),
  ofBlocks('Healthy p99', 'ms', ({ p99Ms }) => p99Ms),
  ofBlocks('CPU a request', 'µs', ({ cpuMicrosPerRequest: { balancer, node } }) => balancer + node),
  ofBlocks('Requests a second', '', ({ requestsPerSecond }) => requestsPerSecond),
]

const RESAMPLES = 4_000

export function compareRuns(base: BenchResult, other: BenchResult): RunsCompared {
  const pairs = base.strategies.filter(isMeasured).flatMap((one) => {
    const two = other.strategies.filter(isMeasured).find((each) => keyOf(each) === keyOf(one))
    return two === undefined ? [] : [{ one, two }]
  })
  const paired = new Set(pairs.map(({ one }) => keyOf(one)))
  const alone = [...base.strategies, ...other.strategies].filter((each) => isMeasured(each) && !paired.has(keyOf(each)))
  return {
    rows: pairs.flatMap(({ one, two }) => FIGURES.flatMap((figure) => pairedFigure(one, two, figure))),
    losses: pairs.map(({ one, two }) => ({
      title: one.title,
      scenario: one.scenario,
      base: one.figures,
      other: two.figures,
    })),
    unpaired: [...new Set(alone.map(({ title, scenario }) => `${title} (${scenario})`))],
    cautions: [...cautionsOf('base', base), ...cautionsOf('other', other), ...differences(base, other)],
  }
}

function keyOf({ name, scenario }: StrategyResult): string {
  return JSON.stringify([name, scenario])
}

/** Empty when a run lacks the figure, or the base's is 0. */
function pairedFigure(one: Measured, two: Measured, { name, unit, values }: Figure): PairedFigure[] {
  const [base, other] = [values(one), values(two)]
  if (base.length === 0 || other.length === 0 || Math.min(...base) <= 0) return []
  // The same seed for each: the number of strategies must not change any interval.
  const ratio = unpairedRatio(other, base, seededRandom(1))
  const { title, scenario } = one
  return [
    { title, scenario, figure: name, unit, base: median(base), other: median(other), ratio, finding: finding(ratio) },
  ]
}

/** The ratio of two medians, each resampled on its own. */
export function unpairedRatio(first: readonly number[], second: readonly number[], random: Random): Estimate {
  const again = (values: readonly number[]): number =>
    median(values.map(() => values[Math.floor(random() * values.length)] as number))
  const ratios = Array.from({ length: RESAMPLES }, () => again(first) / again(second)).sort((one, other) => one - other)
  const at = (share: number): number => ratios[Math.round(share * (RESAMPLES - 1))] as number
  const blocks = Math.min(first.length, second.length)
  return { median: median(first) / median(second), low: at(0.025), high: at(0.975), blocks }
}

function cautionsOf(which: string, result: BenchResult): string[] {
  const again = differsFromItself(result) ? ['its base differs from itself (A/A)'] : []
  return [...result.doubts, ...again].map((doubt) => `The ${which} run is not to be quoted: ${doubt}`)
}

function differences(base: BenchResult, other: BenchResult): string[] {
  const [one, two] = [facts(base), facts(other)]
  return Object.keys(one)
    .filter((name) => !isDeepStrictEqual(one[name], two[name]))
    .map((name) => `Different ${name}: ${words(one[name])} and ${words(two[name])}`)
}

function facts({ environment, options }: BenchResult): Readonly<Record<string, unknown>> {
  const { processor, cores, memoryBytes, node, redis, system } = environment
  return { processor, cores, memoryBytes, Node: node, Redis: redis, system, ...options }
}

function words(value: unknown): string {
  return value === undefined ? 'none' : Array.isArray(value) ? value.join(', ') : JSON.stringify(value)
}
