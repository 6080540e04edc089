/**
 * The experiment: blocks in which every contestant has one turn in each scenario, in an order shuffled anew. A block is written down as
 * it ends, so that a run that was interrupted goes on with the next one.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownPrograms, seededRandom, UsageError } from '@ninelives/lab'
import type { Contestant } from '../harness/cluster-under-test.ts'
import type { Environment } from '../harness/environment.ts'
import { runTurn, type TurnFound } from './faults/turn.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import type { BenchScenario } from '../scenarios/index.ts'
import { shuffled } from '../harness/statistics.ts'
import { blocksOf, contestantsOf, planOf, type RunOptions, scenariosOf } from './options.ts'

/** Once for the whole of a run, also where it is gone on with. */
export interface RunHead {
  readonly startedAt: string
  readonly environment: Environment
  readonly options: RunOptions
}

/** Every contestant once, in one scenario. */
export interface FoundBlock {
  readonly block: number
  readonly scenario: string
  /** By the contestant's name; the one of the A/A row has AGAIN behind it. */
  readonly turns: Readonly<Record<string, TurnFound | FailedTurn>>
}

/** It did not come to an end: no figure is made from it. */
export interface FailedTurn {
  readonly failed: string
}

export interface Entrant {
  readonly name: string
  readonly role: 'strategy' | 'peer' | 'again'
  readonly contestant: Contestant
}

export const AGAIN = '-again'

const HEAD_FILE = 'run.json'
const BLOCKS_FILE = 'blocks.ndjson'
const OF_THE_SAME_RUN = ['commit', 'changed', 'node', 'system', 'processor', 'cores'] as const

/** Who takes part in a scenario: the first of them once more, as if it were another, and nobody who lacks what it needs. */
export function entrantsOf(options: RunOptions, scenario: BenchScenario): Entrant[] {
  const able = contestantsOf(options).filter((contestant) => whyNot(contestant, scenario) === undefined)
  const entrants = able.map((contestant): Entrant => ({ name: contestant.name, role: contestant.role, contestant }))
  const [first] = able
  if (first !== undefined) entrants.push({ name: `${first.name}${AGAIN}`, role: 'again', contestant: first })
  return entrants
}

export function whyNot({ missing, strategy, programs }: Contestant, scenario: BenchScenario): string | undefined {
  const { sessionBytes, skips } = scenario
  const cantCarry = sessionBytes !== undefined && programs.node !== ownPrograms().node
  return missing ?? skips?.(strategy) ?? (cantCarry ? 'only our nodes can be told to carry more' : undefined)
}

export function beginRun(head: RunHead): void {
  const { out } = head.options
  if (existsSync(join(out, HEAD_FILE))) {
    throw new UsageError(`${out} holds a run already: --resume ${out} goes on with it, and --out takes another`)
  }
  makeOut(out)
  writeFileSync(join(out, HEAD_FILE), `${JSON.stringify(head, undefined, 2)}\n`)
}

export function headOf(out: string): RunHead {
  const path = join(out, HEAD_FILE)
  if (!existsSync(path)) throw new UsageError(`there is no run in ${out} to go on with: it has no ${HEAD_FILE}`)
  const head = parsedOf(readFileSync(path, 'utf8'), path) as Partial<RunHead>
  const { startedAt, environment, options } = head
  if (startedAt === undefined || environment === undefined || options === undefined) {
    throw new UsageError(`${path} is not how this bench begins a run`)
  }
  return { startedAt, environment, options: { ...options, out } }
}

/** The rest of the blocks would be of something else, under the name of what was measured first. */
export function refuseOtherPrograms({ environment: begun, options }: RunHead, here: Environment): void {
  if (keptBlocks(options.out).length >= blocksOf(options) * scenariosOf(options).length) return
  const differs = OF_THE_SAME_RUN.find((what) => begun[what] !== here[what])
  if (differs === undefined) return
  throw new UsageError(
    `${options.out} was begun with ${differs} ${String(begun[differs])}, and here it is ${String(here[differs])}: begin another run`,
  )
}

/** A last line that was cut off is a block that has not ended. */
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

/** Runs what is not there yet. Resolves with all blocks; rejects when the signal ends it, and what had ended is kept. */
export async function runBlocks(
  options: RunOptions,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<readonly FoundBlock[]> {
  const blocks = keptBlocks(options.out)
  const isKept = (block: number, scenario: string): boolean =>
    blocks.some((each) => each.block === block && each.scenario === scenario)
  const progress = progressOf(options, say)
  for (let block = 1; block <= blocksOf(options); block++) {
    for (const scenario of scenariosOf(options)) {
      if (isKept(block, scenario.name)) continue
      const found = await runBlock(options, block, scenario, signal, progress)
      blocks.push(found)
      // What was cut off by an end short of a newline would spoil the line that follows.
      writeBlocks(options.out, blocks, found)
    }
  }
  return blocks
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

/** FNV-1a: the same seed for the same turn, whatever else is in the run. */
export function seedOf(seed: number, ...of: readonly (string | number)[]): number {
  let hash = 0x811c9dc5
  for (const char of [seed, ...of].join(' ')) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193)
  return hash >>> 1
}

/** How long is left is known once a turn has ended. */
function progressOf(options: RunOptions, say: (text: string) => void) {
  const turns = scenariosOf(options).map((scenario) => entrantsOf(options, scenario).length * blocksOf(options))
  const all = turns.reduce((sum, each) => sum + each, 0)
  const kept = keptBlocks(options.out).reduce((sum, { turns: those }) => sum + Object.keys(those).length, 0)
  const beganMs = performance.now()
  let done = 0
  return (block: number, scenario: string, name: string): void => {
    const leftMs = ((performance.now() - beganMs) / done) * (all - kept - done)
    const left = done === 0 ? '' : `, about ${timeText(leftMs)} to go`
    say(`block ${block} of ${blocksOf(options)}, ${scenario}: ${name}, turn ${kept + ++done} of ${all}${left}`)
  }
}

function timeText(ms: number): string {
  const seconds = Math.ceil(ms / 1_000)
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`
}
