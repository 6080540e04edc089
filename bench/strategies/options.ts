/** The command line of the bench of strategies. */
import { flagsHelp, parseFlags, strategies, switchFlag, textFlag, UsageError } from '@ninelives/lab'
import { countFlag, namesFlag, outDirectory, outFlag, seedFlag } from '../harness/command/flags.ts'
import { type Contestant, contestantOf } from '../harness/cluster-under-test.ts'
import { peers } from '../peers/cluster/index.ts'
import type { BenchOptions } from '../result.ts'
import { type BenchScenario, DEFAULT_SCENARIO, scenarios } from '../scenarios/index.ts'
import type { TurnPlan } from './faults/turn.ts'

export interface RunOptions extends BenchOptions {
  readonly seed: number
  readonly out: string
}

/** The part of a turn's plan that no flag changes. */
type Pace = Omit<TurnPlan, 'kills' | 'nodes' | 'users' | 'tabs' | 'operationsPerSecond'>

// Until a cluster has served so much its code is still being compiled.
const FULL_PACE: Pace = { warmUpRequests: 15_000, healthySeconds: 4, warmUpMs: 3_000, beforeMs: 2_000, afterMs: 10_000 }
const QUICK_PACE: Pace = {
  warmUpRequests: 2_000,
  healthySeconds: 1.5,
  warmUpMs: 1_500,
  beforeMs: 1_000,
  afterMs: 6_200,
}
/** How many faults a cluster goes through before the next cluster's turn. */
const KILLS_PER_TURN = 3
const FULL_KILLS = 21
const QUICK_KILLS = 3
/** The others are compared with the first. */
const QUICK_STRATEGIES = ['replicated', 'redis', 'sticky', 'memory']
const TABS_MAX = 4
const WAIT_MAX_MINUTES = 600
const NODES_MAX = 12
const [USERS, RATE, NODES] = [60, 300, 3]

const strategyNames = strategies.map(({ name }) => name)
const contestantNames = [...strategyNames, ...peers().map(({ name }) => name)]
const scenarioNames = scenarios.map(({ name }) => name)

const FLAGS = {
  quick: switchFlag(`${QUICK_KILLS} kills of ${QUICK_STRATEGIES.join(', ')}: under three minutes`),
  strategies: namesFlag(contestantNames, 'these; the others are compared with the first that can take part'),
  scenario: namesFlag([...scenarioNames, 'all'], `what they go through (default ${DEFAULT_SCENARIO})`),
  kills: countFlag(`faults of each strategy in each scenario (default ${FULL_KILLS})`, undefined),
  users: countFlag(`virtual users (default ${USERS})`, USERS),
  tabs: countFlag('of each user (default 1)', 1, TABS_MAX),
  rate: countFlag(`operations a second of all users (default ${RATE})`, RATE),
  nodes: countFlag(`(default ${NODES})`, NODES, NODES_MAX),
  wait: countFlag('minutes to wait at most until the machine is quiet (default 0)', undefined, WAIT_MAX_MINUTES),
  seed: seedFlag,
  out: outFlag,
  resume: run('DIR', 'continues the run that was interrupted there'),
  compare: run('BASE [RUN]', 'two runs beside each other; without RUN, the newest'),
  matrix: switchFlag('every strategy and peer by every fault: npm run bench -- --matrix --help'),
  'measure-the-measurer': switchFlag('the error of the harness itself'),
}

function run(placeholder: string, help: string) {
  return textFlag('the directory of a run', { placeholder, help, otherwise: undefined })
}

export type Asked =
  | { readonly to: 'help' }
  | { readonly to: 'run'; readonly options: RunOptions; readonly waitMinutes: number }
  | { readonly to: 'resume'; readonly out: string }
  | { readonly to: 'compare'; readonly base: string; readonly other: string | undefined }
  | { readonly to: 'measure-the-measurer'; readonly seed: number }

export function readStrategiesOptions(args: readonly string[], now: Date): Asked {
  const operands: string[] = []
  const values = parseFlags('npm run bench', FLAGS, args, (operand) => operands.push(operand))
  if (values === 'help') return { to: 'help' }
  const { resume, compare, seed } = values
  if (values['measure-the-measurer']) return { to: 'measure-the-measurer', seed }
  if (resume !== undefined) {
    refuseOthers(args, '--resume', operands, 'a run continues with its own options')
    return { to: 'resume', out: outDirectory(resume, now) }
  }
  const [other, ...more] = operands
  if (compare !== undefined) {
    refuseOthers(args, '--compare', more, 'it takes one run or two')
    return { to: 'compare', base: compare, other }
  }
  if (other !== undefined) throw new UsageError(`npm run bench takes no "${other}"; see --help`)
  return { to: 'run', options: runOptions(values, now), waitMinutes: values.wait ?? 0 }
}

/** An option that would be ignored is refused. */
function refuseOthers(args: readonly string[], flag: string, operands: readonly string[], why: string): void {
  const other = args.find((arg) => arg.startsWith('--') && arg.split('=', 1)[0] !== flag) ?? operands[0]
  if (other !== undefined) throw new UsageError(`'${other}' does not go with ${flag}: ${why}`)
}

type Values = Exclude<ReturnType<typeof parseFlags<typeof FLAGS>>, 'help'>

function runOptions(values: Values, now: Date): RunOptions {
  const { quick, scenario = [DEFAULT_SCENARIO], kills = quick ? QUICK_KILLS : FULL_KILLS } = values
  const ours = quick ? QUICK_STRATEGIES : [...new Set([...QUICK_STRATEGIES, ...strategyNames])]
  return {
    quick,
    strategies: values.strategies ?? ours,
    scenarios: scenario.includes('all') ? scenarioNames : scenario,
    kills,
    users: values.users,
    tabs: values.tabs,
    operationsPerSecond: values.rate,
    nodes: values.nodes,
    seed: values.seed,
    out: outDirectory(values.out, now),
  }
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

/** Blocks count from 1. One beyond the planned ones stands for a disturbed one, and is a whole one. */
export function planOf(options: BenchOptions, block: number): TurnPlan {
  const { quick, nodes, users, tabs, operationsPerSecond } = options
  const left = options.kills - (block - 1) * KILLS_PER_TURN
  const kills = left > 0 ? Math.min(KILLS_PER_TURN, left) : KILLS_PER_TURN
  return { ...(quick ? QUICK_PACE : FULL_PACE), kills, nodes, users, tabs, operationsPerSecond }
}

export const STRATEGIES_HELP = `npm run bench -- [options]

What each strategy costs while nothing is broken, and what its users lose when a node dies: a table, a report, and result.json with
everything that was measured. bench/METHOD.md explains how.

${flagsHelp(FLAGS)}
Strategies and peers: ${contestantNames.join(', ')}

Scenarios:
${scenarios.map(({ name, summary }) => `  ${name.padEnd(15)} ${summary}`).join('\n')}

Redis: REDIS_URL, or a private redis-server from the PATH.`
