/**
 * Whether two generators that share no code for connections, parsing and time see the same system: autocannon's latencies beside those
 * of the lab's own users. Both shop at the same time, each with half of the rate, so that whatever the machine does in a block, it
 * does to both; their ratio within the blocks is what either may be wrong by. In turns, one after the other, the machine's moods
 * made more of a difference than the generators.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { findStrategy, strategies } from '@ninelives/lab'
import { contestantOf, openCluster } from '../harness/cluster-under-test.ts'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { UsageError } from '../harness/config.ts'
import { seedFrom, wholeNumber } from '../harness/command/flags.ts'
import { type Estimate, INTERVAL_BLOCKS_MIN, ratio, seededRandom } from '../harness/statistics.ts'
import { aligned, interval } from '../harness/command/table.ts'
import type { OperationEvent } from '../../packages/lab/src/users/recorder.ts'
import { latenciesOf, livedIn, type Span } from '../strategies/healthy/history.ts'
import { LatencyHistogram, openHealthy } from '../strategies/healthy/index.ts'
import { ownUsers } from '../strategies/healthy/own-users.ts'
import { monotonicMs } from '../strategies/healthy/shoppers.ts'

export interface AgreementOptions {
  readonly url: string
  readonly users: number
  readonly rate: number
  readonly blocks: number
  readonly seconds: number
  readonly seed: number
}

/** Of one turn of one generator. */
export interface Seen {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly latenessMs: number
  readonly requests: number
}

export interface AgreementBlock {
  readonly autocannon: Seen
  readonly own: Seen
}

/** How far the two may be apart. */
const AGREE_WITHIN = 0.1
const WARM_UP_S = 4
const LAST_REPORT_WAIT_MS = 1_000
/** The history of more would be held up by its own length. */
const SECONDS_MAX = 90
const HELP = `node bench/healthy/agreement.ts [--strategy NAME] [--blocks N] [--seconds N] [--users N] [--rate N] [--seed N]

Measures the latency of a cluster that is well, by autocannon and by the lab's own users at once, and says how far they agree.
`

export async function agreementBlocks({ blocks, seconds, ...options }: AgreementOptions): Promise<AgreementBlock[]> {
  const { rate, users, url, seed } = { ...options, rate: options.rate / 2, users: Math.ceil(options.users / 2) }
  const own = await ownUsers({ url, users, tabs: 1, rate, seed, scenario: {} })
  // Of another seed: two who act at the very same instants would wait for each other.
  const load = await openHealthy({ url, users, scenario: {}, seed: seed + users })
  try {
    const beganMs = monotonicMs() + WARM_UP_S * 1_000
    const { operations = [] } = await load.measure({
      seconds: WARM_UP_S + blocks * seconds,
      rate,
      withOperations: true,
    })
    // What the others were doing must be done, and be told.
    await sleep(LAST_REPORT_WAIT_MS)
    return Array.from({ length: blocks }, (_, block) => {
      const fromMs = beganMs + block * seconds * 1_000
      const span = { fromMs, toMs: fromMs + seconds * 1_000 }
      return { autocannon: seenIn(operations, span), own: seenIn(own.operations, span) }
    })
  } finally {
    own.stop()
    load.close()
  }
}

function seenIn(operations: readonly OperationEvent[], span: Span): Seen {
  const lived = livedIn(operations, span)
  const latencies = latenciesOf(lived)
  const lateness = new LatencyHistogram()
  for (const { lateMs } of lived) lateness.record(lateMs * 1_000)
  const percentiles = { p50Ms: latencies.percentileMs(50), p99Ms: latencies.percentileMs(99) }
  return { ...percentiles, latenessMs: lateness.percentileMs(99), requests: latencies.count }
}

/** How many times the lab's users' figure autocannon's is. */
export function agreementRatio(blocks: readonly AgreementBlock[], figure: 'p50Ms' | 'p99Ms', seed: number): Estimate {
  const of = (generator: keyof AgreementBlock): number[] => blocks.map((block) => block[generator][figure])
  return ratio(of('autocannon'), of('own'), seededRandom(seed))
}

export function verdict({ median, low, high, blocks }: Estimate): string {
  if (blocks < INTERVAL_BLOCKS_MIN) return 'too few blocks'
  if (isWithin(low) && isWithin(high)) return 'they agree within 10 %'
  return isWithin(median) ? 'within 10 % by the median, not by the whole interval' : 'they do not agree within 10 %'
}

function isWithin(value: number): boolean {
  return Math.abs(value - 1) <= AGREE_WITHIN
}

async function main(args: readonly string[]): Promise<void> {
  const { strategy, seed, help, ...options } = readOptions(args)
  if (help) return say(HELP)
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-bench-'))
  const wishes = { nodes: 3, users: 0, rate: 1, seed, restartAfterMs: 500, directory }
  const cluster = await openCluster(contestantOf(strategy), wishes)
  try {
    progress(`measuring for ${options.blocks * options.seconds} s`)
    const blocks = await agreementBlocks({ ...options, url: cluster.url, seed })
    say(`\n${table(blocks, seed)}`)
  } finally {
    await cluster.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function table(blocks: readonly AgreementBlock[], seed: number): string {
  const rows = (['p50Ms', 'p99Ms'] as const).map((figure) => {
    const found = agreementRatio(blocks, figure, seed)
    const each = (generator: keyof AgreementBlock): string =>
      blocks.map((block) => block[generator][figure].toFixed(2)).join(' ')
    return [figure.slice(0, 3), interval(found, 3), verdict(found), each('autocannon'), each('own')]
  })
  return aligned([['', 'ratio', '', 'autocannon, ms', "the lab's users, ms"], ...rows], 2)
}

function readOptions(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flags = { strategy: text, blocks: text, seconds: text, users: text, rate: text, seed: text }
  const { values } = parseArgs({ args: [...args], options: { ...flags, help: { type: 'boolean', default: false } } })
  const { strategy: name = 'sticky', help } = values
  const strategy = findStrategy(name)
  if (strategy === undefined) {
    throw new UsageError(`--strategy is '${name}', and takes ${strategies.map((each) => each.name).join(', ')}`)
  }
  const blocks = wholeNumber('--blocks', values.blocks, 12)
  const seconds = wholeNumber('--seconds', values.seconds, 4)
  if (blocks * seconds > SECONDS_MAX) throw new UsageError(`--blocks times --seconds is at most ${SECONDS_MAX}`)
  return {
    strategy,
    help,
    blocks,
    seconds,
    users: wholeNumber('--users', values.users, 60),
    rate: wholeNumber('--rate', values.rate, 300),
    seed: seedFrom(values.seed),
  }
}

if (import.meta.main) benchMain(main)
