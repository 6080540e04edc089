/** `prove --hunt MINUTES`: runs drawn at random, until one finds an anomaly. */
import { randomInt } from 'node:crypto'
import path from 'node:path'
import { count } from '@ninelives/history'
import type { Config } from '../../config.ts'
import { EXIT_INTERRUPTED, UsageError } from '../../errors.ts'
import { type Ground, groundOfStore, groundsOf } from '../../hunt/grounds.ts'
import { type Done, HuntLog } from '../../hunt/hunt-log.ts'
import { type Outcome, runProve } from '../../hunt/prove-process.ts'
import { commandOf, drawRound, type Round, textOf } from '../../hunt/round.ts'
import { shrink } from '../../hunt/shrink.ts'
import { SEED_MAX } from '../../random.ts'
import { projectRoot } from '../../run-directory.ts'
import { type Paint, painter } from '../../terminal/paint.ts'
import { visible } from '../../terminal/visible.ts'
import { stopSignal } from '../command/stop-signal.ts'
import { proveFlags, type ProveValues } from './prove-flags.ts'
import { say } from '../../terminal/say.ts'

/** Of `prove`, what a hunt takes: it draws the rest, or hands nothing on. */
const TAKES = ['hunt', 'strategy', 'store', 'database', 'faults', 'nodes', 'rate', 'seed', 'logs']
const EXIT_FOUND = 1
/** No run came to a verdict. */
const EXIT_UNKNOWN = 3
const CONFIRMATIONS = 3
const COLOURS = { valid: 'green', invalid: 'red', unknown: 'yellow', failed: 'red' } as const

/** Resolves with the exit code. */
export async function hunt(flags: ProveValues, minutes: number, config: Config): Promise<number> {
  refuseOthers(flags)
  const grounds = chosenGrounds(flags, config)
  const seed = flags.seed ?? (flags.logs === undefined ? anySeed() : undefined)
  const directory = flags.logs ?? path.join(projectRoot, '.ninelives', `hunt-${seed}`)
  const log = new HuntLog(directory, seed, anySeed)
  const paint = painter(process.stdout)
  const stop = stopSignal({ endsWithParent: config.endsWithParent, onSecond: () => process.exit(EXIT_INTERRUPTED) })
  const before = log.done.length === 0 ? '' : `, after ${count(log.done.length, 'run')} before`
  say(`Hunting for ${count(minutes, 'minute')}, seed ${log.seed}${before}. Files: ${directory}\n\n`)
  const run = (round: Round, name = 'run'): Promise<Outcome | undefined> =>
    runProve(round, path.join(directory, name), config.environment, stop)
  const untilMs = performance.now() + minutes * 60_000
  while (performance.now() < untilMs && !stop.aborted) {
    const round = drawRound(grounds, flags, log.seed, log.done.length)
    const outcome = await run(round)
    if (outcome === undefined) break
    log.add({ round, ...outcome })
    say(lineOf(log.done.length, round, outcome, paint))
    if (outcome.verdict !== 'invalid') continue
    const ground = grounds.find(({ strategy }) => strategy === round.strategy)
    await showFound(round, outcome, ground?.nodesMin ?? 1, run)
    say(`\n${coverage(log.done)}`)
    return stop.aborted ? EXIT_INTERRUPTED : EXIT_FOUND
  }
  say(`\n${coverage(log.done)}`)
  if (!stop.aborted) return exitCodeOf(log.done)
  say(`\nInterrupted. It goes on with --hunt ${minutes} --logs ${directory}\n`)
  return EXIT_INTERRUPTED
}

/** A hunt that goes on counts what its earlier parts found. */
function exitCodeOf(done: readonly Done[]): number {
  if (done.some(({ verdict }) => verdict === 'invalid')) return EXIT_FOUND
  return done.some(({ verdict }) => verdict === 'valid') ? 0 : EXIT_UNKNOWN
}

function anySeed(): number {
  return randomInt(SEED_MAX)
}

function refuseOthers(flags: ProveValues): void {
  const other = Object.entries(proveFlags).find(
    ([name, { otherwise }]) => !TAKES.includes(name) && flags[name as keyof ProveValues] !== otherwise,
  )
  if (other !== undefined) throw new UsageError(`--hunt takes no --${other[0]}: it takes ${TAKES.slice(1).join(', ')}`)
}

function chosenGrounds(flags: ProveValues, { searchPath }: Config): readonly Ground[] {
  if (flags.store !== undefined) return [groundOfStore(flags.store)]
  const { grounds, leftOut } = groundsOf(searchPath)
  const chosen = grounds.filter(
    ({ strategy, flags: own }) =>
      (flags.strategy ?? strategy) === strategy && (flags.database ?? own['database']) === own['database'],
  )
  if (chosen.length === 0)
    throw new UsageError(`there is nothing to hunt in; left out are ${leftOut.join(', ') || 'all others'}`)
  for (const each of leftOut) say(`Left out: ${each}\n`)
  return chosen
}

function lineOf(number: number, round: Round, outcome: Outcome, paint: Paint): string {
  const { verdict, anomalies, why, landed, operations } = outcome
  const what = anomalies.length > 0 ? `: ${anomalies.join(', ')}` : why === undefined ? '' : `: ${visible(why)}`
  const counts = `${count(landed, 'fault')}, ${count(operations, 'operation')}`
  return `  ${String(number).padStart(4)}  ${textOf(round)}\n        ${paint(COLOURS[verdict], verdict)}${what}  ${paint('dim', counts)}\n`
}

/** Shrinks it, and prints the command that shows it. */
async function showFound(
  round: Round,
  { anomalies }: Outcome,
  nodesMin: number,
  run: (round: Round, name: string) => Promise<Outcome | undefined>,
): Promise<void> {
  say(`\nFound ${anomalies.join(', ')}, by\n\n  ${commandOf(round)}\n\nLooking for a simpler run ...\n`)
  const simplest = await shrink(round, anomalies, {
    run: (each) => run(each, 'shrinking'),
    nodesMin,
    onSimpler: (each) => say(`  ${textOf(each)}\n`),
  })
  let shown = 0
  let tried = 0
  for (; tried < CONFIRMATIONS; tried++) {
    const again = await run(simplest, 'found')
    if (again === undefined) break
    if (again.anomalies.some((kind) => anomalies.includes(kind))) shown++
  }
  say(`\nSeen in ${shown} of ${tried} further runs of\n\n  ${commandOf(simplest)}\n`)
}

/** What was covered, by strategy. */
function coverage(done: readonly Done[]): string {
  const names = [...new Set(done.map(({ round }) => nameOf(round)))].sort()
  const rows = names.map((name) => {
    const own = done.filter(({ round }) => nameOf(round) === name)
    const of = (verdict: Done['verdict']): string => String(own.filter((each) => each.verdict === verdict).length)
    const total = (pick: (each: Done) => number): string =>
      own.reduce((sum, each) => sum + pick(each), 0).toLocaleString('en-US')
    return [
      name,
      String(own.length),
      of('valid'),
      of('invalid'),
      of('unknown'),
      of('failed'),
      total(({ landed }) => landed),
      total(({ operations }) => operations),
    ]
  })
  const table = [['covered', 'runs', 'valid', 'invalid', 'unknown', 'failed', 'faults', 'operations'], ...rows]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  return table
    .map(
      (row) =>
        `  ${row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ')}\n`,
    )
    .join('')
}

function nameOf({ strategy, flags }: Round): string {
  return [strategy, flags['database']].filter((part) => part !== undefined).join('-')
}
