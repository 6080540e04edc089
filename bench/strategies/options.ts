/** The command line of the bench of strategies. */
import { parseArgs } from 'node:util'
import { strategies, type Strategy } from '@ninelives/lab'
import { type Contestant, contestantOf } from '../harness/cluster-under-test.ts'
import { UsageError } from '../harness/config.ts'
import type { TurnPlan } from './faults/turn.ts'
import { outDirectory, seedFrom, wholeNumber } from '../harness/command/flags.ts'
import { peers } from '../peers/cluster/index.ts'
import type { BenchOptions } from '../result.ts'
import { type BenchScenario, DEFAULT_SCENARIO, scenarios } from '../scenarios/index.ts'

export interface RunOptions extends BenchOptions {
  readonly seed: number
  readonly out: string
}

/** What of a turn is not for the command line. */
type Pace = Omit<TurnPlan, 'kills' | 'nodes' | 'users' | 'tabs' | 'operationsPerSecond'>

const FULL_PACE: Pace = { healthySeconds: 4, warmUpMs: 3_000, beforeMs: 2_000, afterMs: 10_000 }
const QUICK_PACE: Pace = { healthySeconds: 1.5, warmUpMs: 1_500, beforeMs: 1_000, afterMs: 6_200 }
/** A cluster that is up is broken so often; then the next one has its turn. */
const KILLS_PER_TURN = 3
const FULL_KILLS = 21
const QUICK_KILLS = 3
/** The first is what the others are compared with. */
const QUICK_STRATEGIES = ['replicated', 'redis', 'sticky', 'memory']
const TABS_MAX = 4
const NODES_MAX = 12
const [USERS, RATE, NODES] = [60, 300, 3]

const FLAGS = {
  quick: { type: 'boolean', default: false },
  strategies: { type: 'string' },
  scenario: { type: 'string' },
  kills: { type: 'string' },
  rate: { type: 'string' },
  users: { type: 'string' },
  tabs: { type: 'string' },
  nodes: { type: 'string' },
  seed: { type: 'string' },
  out: { type: 'string' },
  resume: { type: 'string' },
  compare: { type: 'string', multiple: true },
  'measure-the-measurer': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

export type Asked =
  | { readonly to: 'help' }
  | { readonly to: 'run'; readonly options: RunOptions }
  | { readonly to: 'resume'; readonly out: string }
  | { readonly to: 'compare'; readonly base: string; readonly other: string | undefined }
  | { readonly to: 'measure-the-measurer'; readonly seed: number }

export function readStrategiesOptions(args: readonly string[], now: Date): Asked {
  const { values, positionals } = parsed(args)
  if (values.help) return { to: 'help' }
  if (values['measure-the-measurer']) return { to: 'measure-the-measurer', seed: seedFrom(values.seed) }
  if (values.resume !== undefined) {
    refuseOthers({ values, positionals }, 'resume', 'a run goes on as it was begun')
    return { to: 'resume', out: outDirectory(values.resume, now) }
  }
  const runs = values.compare === undefined ? [] : [...values.compare, ...positionals]
  const [base, other] = runs
  if (base !== undefined) {
    refuseOthers({ values, positionals: runs.slice(2) }, 'compare', 'it takes one run or two')
    return { to: 'compare', base, other }
  }
  const [stray] = positionals
  if (stray !== undefined) throw new UsageError(`'${stray}' is no flag; --help says what there is`)
  return { to: 'run', options: runOptions(values, now) }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, allowPositionals: true })
  } catch (error) {
    throw new UsageError(`${(error as Error).message}; --help says what there is`)
  }
}

type Flags = ReturnType<typeof parsed>

/** What would be ignored is refused, or somebody believes that it was heeded. */
function refuseOthers({ values, positionals }: Flags, flag: keyof Flags['values'], why: string): void {
  const given = Object.entries(values).find(([name, value]) => name !== flag && value !== false)
  const other = given === undefined ? positionals[0] : `--${given[0]}`
  if (other !== undefined) throw new UsageError(`'${other}' does not go with --${flag}: ${why}`)
}

function runOptions(values: Flags['values'], now: Date): RunOptions {
  const { quick } = values
  const ours = quick ? QUICK_STRATEGIES : [...QUICK_STRATEGIES, ...others()]
  const known = [...strategies, ...peers()].map(({ name }) => name)
  return {
    quick,
    strategies: listed('--strategies', values.strategies, ours, known),
    scenarios: listed(
      '--scenario',
      values.scenario === 'all' ? scenarioNames.join() : values.scenario,
      [DEFAULT_SCENARIO],
      scenarioNames,
    ),
    kills: wholeNumber('--kills', values.kills, quick ? QUICK_KILLS : FULL_KILLS),
    users: wholeNumber('--users', values.users, USERS),
    tabs: wholeNumber('--tabs', values.tabs, 1, TABS_MAX),
    operationsPerSecond: wholeNumber('--rate', values.rate, RATE),
    nodes: wholeNumber('--nodes', values.nodes, NODES, NODES_MAX),
    seed: seedFrom(values.seed),
    out: outDirectory(values.out, now),
  }
}

const scenarioNames = scenarios.map(({ name }) => name)

function others(): string[] {
  return strategies.map(({ name }: Strategy) => name).filter((name) => !QUICK_STRATEGIES.includes(name))
}

function listed(
  flag: string,
  value: string | undefined,
  otherwise: readonly string[],
  known: readonly string[],
): readonly string[] {
  if (value === undefined) return otherwise
  const names = [...new Set(value.split(',').map((name) => name.trim()))]
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new UsageError(`${flag} is '${unknown}', and takes ${known.join(', ')}`)
  return names
}

export function contestantsOf({ strategies: names }: BenchOptions): Contestant[] {
  const all = [...strategies.map((strategy) => contestantOf(strategy)), ...peers()]
  return names.flatMap((wanted) => all.filter(({ name }) => name === wanted))
}

export function scenariosOf({ scenarios: names }: BenchOptions): BenchScenario[] {
  return names.flatMap((wanted) => scenarios.filter(({ name }) => name === wanted))
}

export function blocksOf({ kills }: BenchOptions): number {
  return Math.ceil(kills / KILLS_PER_TURN)
}

/** Blocks count from 1. */
export function planOf(options: BenchOptions, block: number): TurnPlan {
  const { quick, kills, nodes, users, tabs, operationsPerSecond } = options
  const left = kills - (block - 1) * KILLS_PER_TURN
  return {
    ...(quick ? QUICK_PACE : FULL_PACE),
    kills: Math.min(KILLS_PER_TURN, left),
    nodes,
    users,
    tabs,
    operationsPerSecond,
  }
}

export const STRATEGIES_HELP = `npm run bench -- [options]

What each strategy costs while all is well, and what its users lose when a node dies: a table, and result.json with the blocks that
it is made from. bench/METHOD.md says how that is found out.

  --quick            ${QUICK_KILLS} kills a strategy instead of ${FULL_KILLS}, of ${QUICK_STRATEGIES.join(', ')}: under three minutes
  --strategies A,B   these; the first that can take part is what the others are compared with:
                     ${[...strategies, ...peers()].map(({ name }) => name).join(', ')}
  --scenario A,B     what they are put through (default ${DEFAULT_SCENARIO}), or all:
${scenarios.map(({ name, summary }) => `                     ${name.padEnd(15)} ${summary}`).join('\n')}
  --kills N          faults of each strategy in each scenario
  --users N          virtual users (default ${USERS}); --tabs N of each, 1 to ${TABS_MAX} (default 1)
  --rate N           operations a second of all of them (default ${RATE})
  --nodes N          1 to ${NODES_MAX} (default ${NODES})
  --seed N           of orders, phases and intervals (default: a random one, which the result names)
  --out DIR          where the result goes (default .ninelives/bench/<time>)
  --resume DIR       goes on with the run that was interrupted there
  --compare BASE [RUN]      two runs beside each other; without RUN, the newest
  --measure-the-measurer    the error of the harness itself
  --help

Redis: REDIS_URL, or a private redis-server from the PATH.`
