import { availableParallelism } from 'node:os'
import { type BatchResult, explain, SEEDS, simulateSeeds, variants } from '@ninelives/sessions/simulation'
import { count } from '@ninelives/history'
import type { Config } from '../config.ts'
import { EXIT_FAILED, EXIT_INTERRUPTED, UsageError } from '../errors.ts'
import {
  choiceFlag,
  type Flag,
  flagsHelp,
  type FlagValues,
  integerFlag,
  parseFlags,
  switchFlag,
} from './command/flags.ts'
import { stopSignal } from './command/stop-signal.ts'
import { say } from '../terminal/say.ts'
import { wrapped } from '../terminal/wrapped.ts'

const copies: Flag<'all' | number | undefined> = {
  placeholder: 'K',
  help: 'all, or 1 to 4 besides the first (any)',
  otherwise: undefined,
  takes: 'all, or 1 to 4',
  parse: (value) => (value === 'all' ? value : /^[1-4]$/.test(value) ? Number(value) : undefined),
}

const simulateFlags = {
  seeds: integerFlag({ min: 1, max: SEEDS }, { placeholder: 'N', help: 'how many runs (1000)', otherwise: 1_000 }),
  seed: integerFlag(
    { min: 0, max: SEEDS - 1 },
    { placeholder: 'S', help: 'the first seed (1); with --seeds 1 it repeats that run', otherwise: 1 },
  ),
  nodes: integerFlag<number | undefined>(
    { min: 2, max: 7 },
    { placeholder: 'N', help: '2 to 7 (any)', otherwise: undefined },
  ),
  copies,
  resize: switchFlag('members come and go; then --nodes and --copies are of no effect'),
  variant: choiceFlag<string | undefined>([...variants.keys()], {
    placeholder: 'NAME',
    help: 'an engine with a defect, which should be caught: see below (none)',
    otherwise: undefined,
  }),
  threads: integerFlag(
    { min: 1, max: 64 },
    { placeholder: 'N', help: 'how many runs at once (one for each core)', otherwise: availableParallelism() },
  ),
}

const simulateHelp = `ninelives simulate [flags]

Runs the engine of the replicated and clustered stores where all is virtual: clocks drift and stop,
links delay and break, processes die at any step, clients write on top of each other. Then looks
whether what the clients saw can be explained by one record that each change changed at once, and
whether all copies ended the same. A seed decides everything in a run, so one that fails fails
again; it is cut down to a short script. Exits with 1 when a seed failed.

${flagsHelp(simulateFlags)}
Variants:
${variantsHelp()}`

/** A line for each. */
function variantsHelp(): string {
  const indent = ' '.repeat(28)
  return [...variants]
    .map(([name, { breaks }]) => `  ${name.padEnd(26)}${wrapped(breaks, 72).join(`\n${indent}`)}\n`)
    .join('')
}

const TOLD_EVERY_MS = 200
const VIOLATIONS_TOLD = 3

type Values = FlagValues<typeof simulateFlags>

/** Resolves with the exit code. */
export async function simulate(args: readonly string[], { endsWithParent }: Config): Promise<number> {
  const flags = parseFlags('simulate', simulateFlags, args)
  if (flags === 'help') {
    say(simulateHelp)
    return 0
  }
  const { seeds, seed, nodes, copies, variant, threads } = flags
  const resize = flags.resize || variants.get(variant ?? '')?.resize === true
  if (nodes !== undefined && copies !== undefined && copies !== 'all' && copies >= nodes) {
    throw new UsageError(`--copies ${copies} needs ${copies + 1} nodes, and --nodes says ${nodes}`)
  }
  const signal = stopSignal({ endsWithParent, onSecond: () => process.exit(EXIT_INTERRUPTED) })
  say(`Simulating ${count(seeds, 'seed')} from ${seed} on ...\n`)
  const startedAtMs = performance.now()
  const onProgress = process.stdout.isTTY ? progress(seeds) : undefined
  const result = await simulateSeeds({
    from: seed,
    count: seeds,
    nodes,
    copies,
    resize,
    variant,
    threads,
    signal,
    ...(onProgress === undefined ? {} : { onProgress }),
  })
  const seconds = (performance.now() - startedAtMs) / 1_000
  say(`${process.stdout.isTTY ? '\r\u001b[K' : ''}${summary(result, seconds)}\n`)
  if (result.failing.length > 0) return await failed(result, { ...flags, resize })
  if (!signal.aborted) return 0
  say(`Ended early: ${String(signal.reason)}.\n`)
  return EXIT_INTERRUPTED
}

async function failed({ failing }: BatchResult, { nodes, copies, resize, variant }: Values): Promise<number> {
  for (const { seed, violations } of failing) {
    say(`seed ${seed}: ${violations.slice(0, VIOLATIONS_TOLD).join('; ')}\n`)
  }
  const [first] = failing
  if (first === undefined) return EXIT_FAILED
  say(`\n${(await explain(first.seed, { nodes, copies, resize, variant })) ?? ''}\n`)
  const options = Object.entries({ nodes, copies, variant }).filter(([, value]) => value !== undefined)
  const again = options.map(([name, value]) => ` --${name} ${value}`).join('') + (resize ? ' --resize' : '')
  say(`\nAgain: npx ninelives simulate --seeds 1 --seed ${first.seed}${again}\n`)
  return EXIT_FAILED
}

function progress(seeds: number): (sofar: BatchResult) => void {
  let toldAtMs = 0
  return (sofar) => {
    const now = performance.now()
    if (now - toldAtMs < TOLD_EVERY_MS) return
    toldAtMs = now
    say(`\r${sofar.seeds} of ${seeds} seeds, ${sofar.failing.length} failing`)
  }
}

function summary({ seeds, operations, messages, failing }: BatchResult, seconds: number): string {
  const rate = Math.round(seeds / seconds)
  const found = failing.length === 0 ? 'none failed' : `${failing.length} failed`
  return `${count(seeds, 'seed')} in ${seconds.toFixed(1)} s (${rate} a second), ${operations} operations, ${messages} messages: ${found}`
}
