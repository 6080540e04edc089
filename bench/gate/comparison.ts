/**
 * Two sets of programs, by the CPU time that a request costs them. In each block a cluster of either is started anew, since a
 * process keeps for all its life what it was dealt at its start: where its memory lies, what was compiled when. Both are up together
 * and have their turns one after the other, in an order that favours neither, so that a slow moment slows both.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Programs, Strategy } from '@ninelives/lab'
import { type ClusterUnderTest, contestantOf, openCluster } from '../harness/cluster-under-test.ts'
import { cpuMicrosOf } from '../harness/cpu-time.ts'
import { type HealthyLoad, openHealthy, type Turn as HealthyTurn } from '../strategies/healthy/index.ts'
import { type Estimate, median, type Random, shuffled } from '../harness/statistics.ts'
import { exactInterval } from './exact-interval.ts'

export interface ComparisonOptions {
  readonly strategy: Strategy
  readonly base: Programs
  readonly head: Programs
  readonly blocks: number
  readonly random: Random
  readonly onBlock: (done: number) => void
  /** Ends it after the block that is under way. */
  readonly stop?: AbortSignal
}

export interface Comparison {
  /** How many times the base's CPU time per request the head's is, and the same of its median latency. */
  readonly cpu: Estimate
  readonly p50: Estimate
  readonly blocks: readonly ComparedBlock[]
  /** Why blocks were begun again: their answers were not all right, as on a machine so busy that a node is taken for dead. */
  readonly spoiled: readonly string[]
}

export interface ComparedBlock {
  readonly base: Turn
  readonly head: Turn
}

export interface Turn {
  readonly cpuMicrosPerRequest: number
  readonly p50Ms: number
}

const NODES = 2
const USERS = 8
/** Compiled code comes with requests, not with seconds; and a turn is as much work on a slow machine as on a fast one. */
const WARM_UP: HealthyTurn = { requests: 1_200, seconds: 20 }
const TURN: HealthyTurn = { requests: 300, seconds: 10 }
/** Of either, in one block. */
const TURNS = 4
/** Nobody is killed here. */
const RESTART_AFTER_MS = 60_000

type Side = keyof ComparedBlock

interface Running {
  readonly side: Side
  readonly cluster: ClusterUnderTest
  readonly load: HealthyLoad
  readonly turns: Turn[]
}

/** What answers wrong more often than that is no matter of the machine. */
const SPOILED_MAX = 4

class SpoiledError extends Error {
  override readonly name = 'SpoiledError'
}

export async function compare(options: ComparisonOptions): Promise<Comparison> {
  const blocks: ComparedBlock[] = []
  const spoiled: string[] = []
  // Each is first as often as the other, in an order that nobody knows beforehand.
  const orders = Array.from({ length: options.blocks }, (_, block): Side[] =>
    block % 2 === 0 ? ['base', 'head'] : ['head', 'base'],
  )
  const sides = shuffled(orders, options.random)
  while (blocks.length < options.blocks) {
    options.stop?.throwIfAborted()
    try {
      blocks.push(await comparedBlock(sides[blocks.length] ?? [], options))
      options.onBlock(blocks.length)
    } catch (error) {
      if (!(error instanceof SpoiledError) || spoiled.push(error.message) > SPOILED_MAX) throw error
    }
  }
  const ratio = (figure: keyof Turn): Estimate =>
    exactInterval(blocks.map(({ base, head }) => head[figure] / base[figure]))
  return { cpu: ratio('cpuMicrosPerRequest'), p50: ratio('p50Ms'), blocks, spoiled }
}

/** `sides`: in the order in which they are warmed up and measured. */
async function comparedBlock(sides: readonly Side[], options: ComparisonOptions): Promise<ComparedBlock> {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-bench-'))
  const running: Running[] = []
  try {
    const started = await Promise.allSettled(sides.map((side) => start(side, options, directory)))
    running.push(...started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])))
    for (const each of started) if (each.status === 'rejected') throw each.reason
    for (const { load } of running) await load.measure(WARM_UP)
    // There and back again: whatever goes on getting slower or faster meanwhile meets both alike.
    for (let turn = 0; turn < TURNS; turn++) {
      for (const each of turn % 2 === 0 ? running : running.toReversed()) each.turns.push(await measured(each))
    }
  } finally {
    for (const { load } of running) load.close()
    await Promise.all(running.map(({ cluster }) => cluster.stop()))
    rmSync(directory, { recursive: true, force: true })
  }
  return { base: middle(running, 'base'), head: middle(running, 'head') }
}

async function start(side: Side, options: ComparisonOptions, directory: string): Promise<Running> {
  const { strategy, random } = options
  const seed = Math.floor(random() * 1e6)
  const wishes = { nodes: NODES, users: 0, rate: 1, seed, restartAfterMs: RESTART_AFTER_MS }
  const own = mkdtempSync(join(directory, `${side}-`))
  const cluster = await openCluster(
    { ...contestantOf(strategy), programs: options[side] },
    { ...wishes, directory: own },
  )
  try {
    const load = await openHealthy({ url: cluster.url, users: USERS, scenario: {}, seed })
    return { side, cluster, load, turns: [] }
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

async function measured({ side, cluster, load }: Running): Promise<Turn> {
  const { balancer, node } = cluster.pids()
  const pids = [...balancer, ...node]
  const before = cpuMicrosOf(pids)
  const { requests, ok, failed, p50Ms } = await load.measure(TURN)
  // Nobody is fast by answering wrong.
  if (ok !== requests)
    throw new SpoiledError(`of ${requests} requests to ${side}, ${JSON.stringify(failed)} went wrong`)
  return { cpuMicrosPerRequest: (cpuMicrosOf(pids) - before) / requests, p50Ms }
}

function middle(running: readonly Running[], wanted: Side): Turn {
  const turns = running.filter(({ side }) => side === wanted).flatMap((each) => each.turns)
  const of = (figure: keyof Turn): number => median(turns.map((turn) => turn[figure]))
  return { cpuMicrosPerRequest: of('cpuMicrosPerRequest'), p50Ms: of('p50Ms') }
}
