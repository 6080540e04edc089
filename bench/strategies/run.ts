/**
 * The experiment: blocks in which every contestant has one turn in each scenario, in an order that is shuffled for each block. A block is
 * written to disk as it ends, so that an interrupted run continues with the next one. For a block that other work on the machine
 * disturbed, another one follows; its losses count all the same.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ownPrograms, requireRoom, RUN_BYTES, seededRandom, UsageError } from '@ninelives/lab'
import type { Contestant } from '../harness/cluster-under-test.ts'
import type { Environment } from '../harness/environment.ts'
import { runTurn, type TurnFound } from './faults/turn.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import type { BenchScenario } from '../scenarios/index.ts'
import { shuffled } from '../harness/statistics.ts'
import { blocksOf, contestantsOf, planOf, type RunOptions, scenariosOf } from './options.ts'

/** Written once at the beginning of a run, and read when it is resumed. */
export interface RunHead {
  readonly startedAt: string
  readonly environment: Environment
  readonly options: RunOptions
}

/** Every contestant once, in one scenario. */
export interface FoundBlock {
  readonly block: number
  readonly scenario: string
  /** By the contestant's name; that of the A/A row ends in AGAIN. */
  readonly turns: Readonly<Record<string, TurnFound | FailedTurn>>
}

/** It failed: it is in no figure. */
export interface FailedTurn {
  readonly failed: string
}

export interface Entrant {
  readonly name: string
  readonly role: 'strategy' | 'peer' | 'again'
  readonly contestant: Contestant
}

const HEAD_FILE = 'run.json'
const BLOCKS_FILE = 'blocks.ndjson'
/** Of the planned blocks, so many are made again at most. */
const AGAIN_SHARE = 1 / 3
const OF_THE_SAME_RUN = ['commit', 'changed', 'node', 'system', 'processor', 'cores'] as const

/** The participants of a scenario without missing ones, and the first of them a second time for the A/A row. */
export function entrantsOf(options: RunOptions, scenario: BenchScenario): Entrant[] {
  const able = contestantsOf(options).filter((contestant) => whyNot(contestant, scenario) === undefined)
  const entrants = able.map((contestant): Entrant => ({ name: contestant.name, role: contestant.role, contestant }))
  const [first] = able
  if (first !== undefined) entrants.push({ name: againOf(first.name), role: 'again', contestant: first })
  return entrants
}

/** The name of a contestant's second row. */
export function againOf(name: string): string {
  return `${name}-again`
}

export function whyNot({ missing, strategy, programs }: Contestant, scenario: BenchScenario): string | undefined {
  const { sessionBytes, skips } = scenario
  const cantCarry = sessionBytes !== undefined && programs.node !== ownPrograms().node
  return missing ?? skips?.(strategy) ?? (cantCarry ? 'only our nodes can be given larger sessions' : undefined)
}

export function beginRun(head: RunHead): void {
  const { out } = head.options
  if (existsSync(join(out, HEAD_FILE))) {
    throw new UsageError(
      `${out} holds a run already: continue it with --resume ${out}, or name another directory with --out`,
    )
  }
  makeOut(out)
  writeFileSync(join(out, HEAD_FILE), `${JSON.stringify(head, undefined, 2)}\n`)
}

export function headOf(out: string): RunHead {
  const path = join(out, HEAD_FILE)
  if (!existsSync(path)) throw new UsageError(`there is no run in ${out}: it has no ${HEAD_FILE}`)
  const head = parsedOf(readFileSync(path, 'utf8'), path) as Partial<RunHead>
  const { startedAt, environment, options } = head
  if (startedAt === undefined || environment === undefined || options === undefined) {
    throw new UsageError(`${path} is not the beginning of a run of this bench`)
  }
  return { startedAt, environment, options: { ...options, out } }
}

/** A run must not mix blocks of different programs or machines. */
export function refuseOtherPrograms({ environment: begun, options }: RunHead, here: Environment): void {
  if (missingBlock(options, keptBlocks(options.out)) === undefined) return
  const differs = OF_THE_SAME_RUN.find((what) => begun[what] !== here[what])
  if (differs === undefined) return
  throw new UsageError(
    `${options.out} was begun with ${differs} ${String(begun[differs])}, and here it is ${String(here[differs])}: begin another run`,
  )
}

/** A last line without a newline is an incomplete block. */
export function keptBlocks(out: string): FoundBlock[] {
  const path = join(out, BLOCKS_FILE)
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line, index) => parsedOf(line, `${path}, line ${index + 1}`) as FoundBlock)
}

function parsedOf(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${where} can't be read: ${(error as Error).message}`)
  }
}

/** Runs the blocks that are missing. Resolves with all blocks; rejects when the signal ends it, with completed blocks kept. */
export async function runBlocks(
  options: RunOptions,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<readonly FoundBlock[]> {
  requireRoom(tmpdir(), RUN_BYTES, 'set TMPDIR to a directory on another disk')
  const blocks = keptBlocks(options.out)
  const progress = progressOf(options, blocks, say)
  for (let next = missingBlock(options, blocks); next !== undefined; next = missingBlock(options, blocks)) {
    const found = await runBlock(options, next.block, next.scenario, signal, progress)
    blocks.push(found)
    writeBlocks(options.out, blocks, found)
  }
  return blocks
}

/** The next one to run: scenarios take turns. */
export function missingBlock(
  options: RunOptions,
  blocks: readonly FoundBlock[],
): { readonly block: number; readonly scenario: BenchScenario } | undefined {
  const isKept = (block: number, scenario: string): boolean =>
    blocks.some((each) => each.block === block && each.scenario === scenario)
  return scenariosOf(options)
    .flatMap((scenario) =>
      Array.from({ length: blocksNeeded(options, scenario, blocks) }, (_, index) => ({ block: index + 1, scenario })),
    )
    .filter(({ block, scenario }) => !isKept(block, scenario.name))
    .toSorted((one, other) => one.block - other.block)[0]
}

/** The planned ones, and another for each that was disturbed. A quick run keeps its time. */
function blocksNeeded(options: RunOptions, { name }: BenchScenario, blocks: readonly FoundBlock[]): number {
  const planned = blocksOf(options)
  if (options.quick) return planned
  const disturbed = blocks.filter((each) => each.scenario === name && isDisturbed(each)).length
  return planned + Math.min(disturbed, Math.ceil(planned * AGAIN_SHARE))
}

function isDisturbed({ turns }: FoundBlock): boolean {
  return Object.values(turns).some(
    (turn) => 'failed' in turn || [turn.healthy, ...turn.kills].some(({ excluded }) => excluded !== undefined),
  )
}

function writeBlocks(out: string, blocks: readonly FoundBlock[], found: FoundBlock): void {
  const path = join(out, BLOCKS_FILE)
  const isWhole = !existsSync(path) || readFileSync(path, 'utf8').endsWith('\n')
  if (isWhole) appendFileSync(path, `${JSON.stringify(found)}\n`)
  else writeFileSync(path, blocks.map((block) => `${JSON.stringify(block)}\n`).join(''))
}

async function runBlock(
  options: RunOptions,
  block: number,
  scenario: BenchScenario,
  signal: AbortSignal,
  progress: (block: number, scenario: string, name: string) => void,
): Promise<FoundBlock> {
  const entrants = entrantsOf(options, scenario)
  const order = shuffled(entrants, seededRandom(seedOf(options.seed, scenario.name, block, 'order')))
  const turns: Record<string, TurnFound | FailedTurn> = {}
  for (const { name, contestant } of order) {
    progress(block, scenario.name, name)
    const seed = seedOf(options.seed, scenario.name, block, name)
    turns[name] = await turnOrFailure(() => runTurn(contestant, scenario, planOf(options, block), seed, signal), signal)
  }
  return { block, scenario: scenario.name, turns }
}

async function turnOrFailure(run: () => Promise<TurnFound>, signal: AbortSignal): Promise<TurnFound | FailedTurn> {
  try {
    return await run()
  } catch (error) {
    signal.throwIfAborted()
    return { failed: (error as Error).message }
  }
}

/** FNV-1a. The seed of a turn does not depend on the other turns of the run. */
export function seedOf(seed: number, ...of: readonly (string | number)[]): number {
  let hash = 0x811c9dc5
  for (const char of [seed, ...of].join(' ')) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193)
  return hash >>> 1
}

/** The remaining time is known once a turn has ended. */
function progressOf(options: RunOptions, blocks: readonly FoundBlock[], say: (text: string) => void) {
  const planned = blocksOf(options)
  /** It grows with the blocks that must be made again. */
  const allTurns = (): number =>
    scenariosOf(options)
      .map((scenario) => entrantsOf(options, scenario).length * blocksNeeded(options, scenario, blocks))
      .reduce((sum, each) => sum + each, 0)
  const kept = blocks.reduce((sum, { turns }) => sum + Object.keys(turns).length, 0)
  const beganMs = performance.now()
  let done = 0
  return (block: number, scenario: string, name: string): void => {
    const all = allTurns()
    const leftMs = ((performance.now() - beganMs) / done) * (all - kept - done)
    const left = done === 0 ? '' : `, about ${timeText(leftMs)} to go`
    const which = block > planned ? `block ${block}, for a disturbed one` : `block ${block} of ${planned}`
    say(`${which}, ${scenario}: ${name}, turn ${kept + ++done} of ${all}${left}`)
  }
}

export function timeText(ms: number): string {
  const seconds = Math.ceil(ms / 1_000)
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`
}
