/**
 * Whether autocannon with its reconnect repaired tells the same of a kill as the lab's users: both shop at once on the same cluster,
 * its node is killed and started again, and for each kill the longest time without a good answer and the share of good answers are
 * compared. Each shares the kill with the other, so that their ratio is about the generators alone.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { findStrategy } from '@ninelives/lab'
import type { OperationEvent } from '../../packages/lab/src/users/recorder.ts'
import { type ClusterUnderTest, contestantOf, openCluster } from '../harness/cluster-under-test.ts'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { UsageError } from '../harness/config.ts'
import { seedFrom, wholeNumber } from '../harness/command/flags.ts'
import { type Estimate, median, ratio, seededRandom } from '../harness/statistics.ts'
import { aligned, interval } from '../harness/command/table.ts'
import { verdict } from './agreement.ts'
import { latenciesOf, livedIn, longestGapMs, type Span } from '../strategies/healthy/history.ts'
import { type HealthyLoad, openHealthy } from '../strategies/healthy/index.ts'
import { ownUsers, type OwnUsers } from '../strategies/healthy/own-users.ts'
import { monotonicMs } from '../strategies/healthy/shoppers.ts'

export interface CrossCheckOptions {
  readonly kills: number
  readonly users: number
  /** Operations a second, of each of the two. */
  readonly rate: number
  readonly seed: number
}

/** What one generator saw of one kill. */
export interface KillSeen {
  readonly outageMs: number
  readonly goodShare: number
  /** Of what was due when the node was long back: what a queue that was not cleared would ruin. */
  readonly afterP50Ms: number
}

export interface KillPair {
  readonly autocannon: KillSeen
  readonly own: KillSeen
}

const WARM_UP_MS = 3_000
/** From one kill to the next: the phase of a kill is random within it. */
const EVERY_MS = 6_000
const PHASE_MS = 1_000
const BEFORE_MS = 1_000
const AFTER_FROM_MS = 3_500
const WATCHED_MS = 4_500
const LAST_REPORT_WAIT_MS = 1_000
const KILLS_MAX = 15
const RESTART_AFTER_MS = 700

export async function crossCheck(cluster: ClusterUnderTest, options: CrossCheckOptions): Promise<KillPair[]> {
  const { users, rate, seed } = options
  const { url } = cluster
  const own = await ownUsers({ url, users, tabs: 1, rate, seed, scenario: {} })
  const load = await openHealthy({ url, users, scenario: {}, seed: seed + users })
  try {
    const [operations, killedAtMs] = await Promise.all([byAutocannon(load, options), kills(cluster, options)])
    await sleep(LAST_REPORT_WAIT_MS)
    return killedAtMs.map((atMs) => ({ autocannon: seenAround(atMs, operations), own: seenAround(atMs, ofOwn(own)) }))
  } finally {
    own.stop()
    load.close()
  }
}

async function byAutocannon(load: HealthyLoad, { kills, rate }: CrossCheckOptions) {
  const seconds = (WARM_UP_MS + (kills + 1) * EVERY_MS) / 1_000
  const { operations = [] } = await load.measure({ seconds, rate, withOperations: true })
  return operations
}

function ofOwn({ operations }: OwnUsers): readonly OperationEvent[] {
  return operations
}

/** Resolves with when each was. */
async function kills(cluster: ClusterUnderTest, { kills: howMany, seed }: CrossCheckOptions): Promise<number[]> {
  const random = seededRandom(seed)
  const beganMs = monotonicMs() + WARM_UP_MS
  const killedAtMs: number[] = []
  while (killedAtMs.length < howMany) {
    await sleep(beganMs + killedAtMs.length * EVERY_MS + random() * PHASE_MS - monotonicMs())
    killedAtMs.push(monotonicMs())
    await cluster.kill('random')
  }
  return killedAtMs
}

function seenAround(killedAtMs: number, operations: readonly OperationEvent[]): KillSeen {
  const span: Span = { fromMs: killedAtMs - BEFORE_MS, toMs: killedAtMs + WATCHED_MS }
  const lived = livedIn(operations, span)
  const after = livedIn(operations, { fromMs: killedAtMs + AFTER_FROM_MS, toMs: span.toMs })
  return {
    outageMs: longestGapMs(lived, span),
    goodShare: lived.filter(({ isOk }) => isOk).length / lived.length,
    afterP50Ms: latenciesOf(after).percentileMs(50),
  }
}

/** How many times the lab users' figure autocannon's is. */
export function killRatio(pairs: readonly KillPair[], figure: keyof KillSeen, seed: number): Estimate {
  const of = (generator: keyof KillPair): number[] => pairs.map((pair) => pair[generator][figure])
  return ratio(of('autocannon'), of('own'), seededRandom(seed))
}

const HELP = `node bench/healthy/cross-check.ts [--kills N] [--users N] [--rate N] [--seed N]

Kills the only node of a cluster again and again, and says whether autocannon and the lab's own users saw the same.
`

async function main(args: readonly string[]): Promise<void> {
  const text = { type: 'string' } as const
  const flags = { kills: text, users: text, rate: text, seed: text, help: { type: 'boolean', default: false } } as const
  const { values } = parseArgs({ args: [...args], options: flags })
  if (values.help) return say(HELP)
  const options = {
    kills: wholeNumber('--kills', values.kills, 10),
    users: wholeNumber('--users', values.users, 20),
    rate: wholeNumber('--rate', values.rate, 100),
    seed: seedFrom(values.seed),
  }
  if (options.kills > KILLS_MAX) throw new UsageError(`--kills is at most ${KILLS_MAX}`)
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-bench-'))
  const strategy = findStrategy('sticky')
  if (strategy === undefined) throw new Error('there is a strategy sticky')
  const wishes = { nodes: 1, users: 0, rate: 1, seed: options.seed, restartAfterMs: RESTART_AFTER_MS, directory }
  const cluster = await openCluster(contestantOf(strategy), wishes)
  try {
    progress(`${options.kills} kills, ${Math.round((options.kills * EVERY_MS) / 1_000)} s`)
    say(`\n${table(await crossCheck(cluster, options), options.seed)}`)
  } finally {
    await cluster.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function table(pairs: readonly KillPair[], seed: number): string {
  const titles = { outageMs: 'outage, ms', goodShare: 'good answers, %', afterP50Ms: 'p50 after, ms' } as const
  const rows = Object.entries(titles).map(([key, title]) => {
    const figure = key as keyof KillSeen
    const found = killRatio(pairs, figure, seed)
    const scale = figure === 'goodShare' ? 100 : 1
    const of = (generator: keyof KillPair): string =>
      (scale * median(pairs.map((pair) => pair[generator][figure]))).toFixed(1)
    return [title, of('autocannon'), of('own'), interval(found, 3), verdict(found)]
  })
  return aligned([['', 'autocannon', "the lab's users", 'ratio', ''], ...rows], 4)
}

if (import.meta.main) benchMain(main)
