/**
 * The gate of CI: whether a request costs more than it did. It says no only to what it has seen twice, in two comparisons that
 * share nothing but the machine, and each time beyond the margin with the whole interval.
 */
import { parseArgs } from 'node:util'
import { findStrategy, ownPrograms, strategies, type Strategy } from '@ninelives/lab'
import { progress, say } from '../harness/command/command.ts'
import { UsageError } from '../harness/config.ts'
import { environment } from '../harness/environment.ts'
import { seedFrom, wholeNumber } from '../harness/command/flags.ts'
import { type Estimate, INTERVAL_BLOCKS_MIN, seededRandom } from '../harness/statistics.ts'
import { interval } from '../harness/command/table.ts'
import { openBaseTree } from './base-tree.ts'
import { compare, type Comparison, type ComparisonOptions } from './comparison.ts'

export const GATE_BLOCKS = 8

export const GATE_HELP = `npm run bench -- --gate [--base COMMIT] [--margin PERCENT] [--strategy NAME] [--blocks N] [--seed N]

Compares the CPU time per request of balancer and nodes, as they are here, with that of another commit. Fails when the whole interval
of the ratio is above the margin, in two comparisons one after the other.

  --base COMMIT      what to compare with (HEAD~1)
  --margin PERCENT   so much more is let through (10)
  --strategy NAME    (sticky)
  --blocks N         of each comparison; at least 6, or there is no interval (${GATE_BLOCKS})
`

const EXIT_SLOWER = 1
const EXIT_INTERRUPTED = 130

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const

export type Opinion = 'no slower' | 'slower' | 'slower, and not again'

/** The second is made only when the first is beyond the margin. */
export function opinion(first: Estimate, second: Estimate | undefined, ratioMax: number): Opinion {
  if (first.low <= ratioMax) return 'no slower'
  return second !== undefined && second.low > ratioMax ? 'slower' : 'slower, and not again'
}

/** Resolves with the exit code. */
export async function gate(args: readonly string[]): Promise<number> {
  const options = readOptions(args)
  if (options === undefined) {
    say(GATE_HELP)
    return 0
  }
  const { ratioMax, strategy, blocks, seed } = options
  const { busy, loadBefore } = environment(undefined, {})
  if (busy) say(`This machine has other work (load ${loadBefore.toFixed(1)}): the intervals will be wide.`)
  const base = openBaseTree(options.base)
  const stop = new AbortController()
  const abort = (): void => stop.abort()
  for (const signal of STOP_SIGNALS) process.once(signal, abort)
  // Whoever does not wait for the block leaves no worktree behind either.
  process.once('exit', base.close)
  try {
    say(`As it is here, beside ${base.commit.slice(0, 12)}; seed ${seed}`)
    const programs = { base: base.programs, head: ownPrograms() }
    const random = seededRandom(seed)
    const once = (name: string) => compared({ strategy, blocks, random, stop: stop.signal, ...programs }, name)
    const first = await once('first')
    const second = first.cpu.low > ratioMax ? await once('second') : undefined
    const found = opinion(first.cpu, second?.cpu, ratioMax)
    say(`${found}; let through are ${((ratioMax - 1) * 100).toFixed(0)} % more CPU time per request`)
    return found === 'slower' ? EXIT_SLOWER : 0
  } catch (error) {
    if (!stop.signal.aborted) throw error
    say('stopped; nothing was found')
    return EXIT_INTERRUPTED
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, abort)
    process.off('exit', base.close)
    base.close()
  }
}

async function compared(options: Omit<ComparisonOptions, 'onBlock'>, name: string): Promise<Comparison> {
  const onBlock = (done: number): void => progress(`${name} comparison, block ${done} of ${options.blocks}`)
  const comparison = await compare({ ...options, onBlock })
  say(`\n${name}: CPU time per request ${times(comparison.cpu)}, median latency ${times(comparison.p50)}`)
  for (const why of comparison.spoiled) say(`a block was begun again: ${why}`)
  return comparison
}

function times(ratio: Estimate): string {
  return `× ${interval(ratio, 3)}`
}

interface GateOptions {
  readonly base: string
  readonly ratioMax: number
  readonly strategy: Strategy
  readonly blocks: number
  readonly seed: number
}

const text = { type: 'string' } as const
const FLAGS = {
  gate: { type: 'boolean' },
  base: text,
  margin: text,
  strategy: text,
  blocks: text,
  seed: text,
  help: { type: 'boolean' },
} as const

/** Undefined: help was asked for. */
function readOptions(args: readonly string[]): GateOptions | undefined {
  const values = parsed(args)
  if (values.help === true) return undefined
  const blocks = wholeNumber('--blocks', values.blocks, GATE_BLOCKS)
  if (blocks < INTERVAL_BLOCKS_MIN)
    throw new UsageError(`--blocks is ${blocks}, and takes ${INTERVAL_BLOCKS_MIN} or more`)
  return {
    base: values.base ?? 'HEAD~1',
    ratioMax: 1 + wholeNumber('--margin', values.margin, 10) / 100,
    strategy: strategyNamed(values.strategy ?? 'sticky'),
    blocks,
    seed: seedFrom(values.seed),
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}; --gate --help says what there is`)
  }
}

export function strategyNamed(name: string): Strategy {
  const strategy = findStrategy(name)
  if (strategy !== undefined) return strategy
  throw new UsageError(`--strategy is '${name}', and takes ${strategies.map((each) => each.name).join(', ')}`)
}
