/** Makes the result of the bench of strategies from the blocks on disk. */
import {
  type BenchResult,
  type Comparison,
  type HealthyBlock,
  type KillRecord,
  RESULT_SCHEMA,
  type StrategyResult,
} from '../result.ts'
import type { BenchScenario } from '../scenarios/index.ts'
import { finding, INTERVAL_BLOCKS_MIN, median, ratio } from '../harness/statistics.ts'
import { NEVER_LANDED } from './faults/breaks.ts'
import type { TurnFound } from './faults/turn.ts'
import { figuresOf } from './figures.ts'
import { blocksOf, contestantsOf, scenariosOf } from './options.ts'
import { againOf, entrantsOf, type FailedTurn, type FoundBlock, type RunHead, whyNot } from './run.ts'

const REASONS_TOLD_MAX = 2

export function strategiesResult(head: RunHead, blocks: readonly FoundBlock[], endedAt: string): BenchResult {
  const { environment, startedAt } = head
  const { seed, out: _out, ...options } = head.options
  const strategies = scenariosOf(options).flatMap((scenario) => strategiesIn(head, blocks, scenario))
  const comparisons = scenariosOf(options).flatMap(({ name }) => comparisonsIn(name, strategies))
  return {
    schema: RESULT_SCHEMA,
    bench: 'strategies',
    startedAt,
    endedAt,
    environment,
    options,
    seed,
    strategies,
    comparisons,
    doubts: doubtsOf(head, blocks, strategies, comparisons),
  }
}

function strategiesIn(head: RunHead, blocks: readonly FoundBlock[], scenario: BenchScenario): StrategyResult[] {
  const lacking = contestantsOf(head.options).flatMap((contestant): StrategyResult[] => {
    const { name, title, role } = contestant
    const missing = whyNot(contestant, scenario)
    return missing === undefined ? [] : [{ name, title, role, scenario: scenario.name, missing }]
  })
  const measured = entrantsOf(head.options, scenario).map(({ name, role, contestant }): StrategyResult => {
    const title = role === 'again' ? `${contestant.title}, again` : contestant.title
    return Object.assign(
      { name, title, role, scenario: scenario.name },
      foundOf(name, scenario.name, blocks, head.options.seed),
    )
  })
  const again = measured.filter(({ role }) => role === 'again')
  return [...measured.filter(({ role }) => role !== 'again'), ...lacking, ...again]
}

function foundOf(name: string, scenario: string, blocks: readonly FoundBlock[], seed: number) {
  const turns = turnsOf(name, scenario, blocks)
  const kills = turns.flatMap(({ block, turn }) => turn.kills.map((kill): KillRecord => Object.assign({ block }, kill)))
  const healthy = turns.map(({ block, turn }): HealthyBlock => Object.assign({ block }, turn.healthy))
  const figures = figuresOf(
    turns.map(({ turn }) => turn),
    kills.filter(hasLanded),
    { kills: kills.filter(counts), blocks: healthy.filter(counts) },
    seed,
  )
  return { ...(figures === undefined ? {} : { figures }), kills, blocks: healthy }
}

function turnsOf(name: string, scenario: string, blocks: readonly FoundBlock[]) {
  return blocks.flatMap(({ block, scenario: own, turns }) => {
    const turn = turns[name]
    return own !== scenario || turn === undefined || isFailed(turn) ? [] : [{ block, turn }]
  })
}

function isFailed(turn: TurnFound | FailedTurn): turn is FailedTurn {
  return 'failed' in turn
}

function hasLanded({ target }: KillRecord): boolean {
  return target !== NEVER_LANDED
}

function counts({ excluded }: { readonly excluded?: string }): boolean {
  return excluded === undefined
}

/** Each other strategy with the first that has figures, and the first contestant with itself, in the blocks in which both count. */
function comparisonsIn(scenario: string, strategies: readonly StrategyResult[]): Comparison[] {
  const measured = strategies.filter((each) => each.scenario === scenario && each.figures !== undefined)
  const base = measured.find(({ role }) => role !== 'again')
  return measured.flatMap((other) => {
    const isAgain = other.role === 'again'
    const against = isAgain ? measured.find(({ name }) => againOf(name) === other.name) : base
    return against === undefined || against === other ? [] : compared(other, against, { scenario, isAgain })
  })
}

function compared(
  other: StrategyResult,
  base: StrategyResult,
  { scenario, isAgain }: Pick<Comparison, 'scenario' | 'isAgain'>,
): Comparison[] {
  return Object.entries(figures).flatMap(([name, of]): Comparison[] => {
    const [ofBase, ofOther] = [of(base), of(other)]
    const both = [...ofBase.keys()].filter((block) => ofOther.has(block))
    if (both.length === 0) return []
    const values = (from: ReadonlyMap<number, number>): number[] => both.map((block) => from.get(block) as number)
    const found = ratio(values(ofOther), values(ofBase))
    const figure = name as Comparison['figure']
    return [{ scenario, strategy: other.name, base: base.name, figure, ratio: found, finding: finding(found), isAgain }]
  })
}

type ByBlock = (strategy: StrategyResult) => ReadonlyMap<number, number>

const figures: Readonly<Record<Comparison['figure'], ByBlock>> = {
  outageMs: ({ kills = [] }) =>
    new Map(
      [...Map.groupBy(kills.filter(counts), ({ block }) => block)].map(([block, those]) => [
        block,
        median(those.map(({ outageMs }) => outageMs)),
      ]),
    ),
  'healthy p50': healthy(({ p50Ms }) => p50Ms),
  'healthy p99': healthy(({ p99Ms }) => p99Ms),
  cpuMicrosPerRequest: healthy(({ cpuMicrosPerRequest: { balancer, node } }) => balancer + node),
  requestsPerSecond: healthy(({ requestsPerSecond }) => requestsPerSecond),
}

function healthy(figure: (block: HealthyBlock) => number): ByBlock {
  return ({ blocks = [] }) => new Map(blocks.filter(counts).map((each) => [each.block, figure(each)]))
}

function doubtsOf(
  { environment, options }: RunHead,
  blocks: readonly FoundBlock[],
  strategies: readonly StrategyResult[],
  comparisons: readonly Comparison[],
): string[] {
  const all = blocksOf(options)
  const whole = Math.min(...options.scenarios.map((name) => blocks.filter(({ scenario }) => scenario === name).length))
  const broken = comparisons.filter(({ isAgain, finding: found }) => isAgain && (found === 'less' || found === 'more'))
  return [
    ...(environment.busy ? [`the machine had other work when the run began: load ${environment.loadBefore}`] : []),
    ...(whole < all ? [`${whole} of ${all} blocks were run`] : []),
    ...(whole < INTERVAL_BLOCKS_MIN ? [`fewer than ${INTERVAL_BLOCKS_MIN} blocks: no two are compared`] : []),
    ...broken.map(({ figure, scenario }) => `${scenario}: the first differs from itself in ${figure}`),
    ...strategies.flatMap((strategy) => exclusions(strategy)),
    ...blocks.flatMap(({ block, turns }) =>
      Object.entries(turns).flatMap(([name, turn]) =>
        isFailed(turn) ? [`block ${block}, ${name}: ${turn.failed}`] : [],
      ),
    ),
  ]
}

function exclusions({ name, scenario, kills = [], blocks = [] }: StrategyResult): string[] {
  const reasons = [...new Set([...kills, ...blocks].flatMap(({ excluded }) => excluded ?? []))]
  if (reasons.length === 0) return []
  const what = `${excludedOf(kills)} of ${kills.length} faults and ${excludedOf(blocks)} of ${blocks.length} healthy turns`
  return [`${scenario}, ${name}: ${what} are in no figure of time (${reasons.slice(0, REASONS_TOLD_MAX).join('; ')})`]
}

function excludedOf(those: readonly { readonly excluded?: string }[]): number {
  return those.filter((each) => !counts(each)).length
}
