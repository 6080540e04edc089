import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { type Atlas, ATLAS_SCHEMA, type Cell, type Chart, heading, LEGEND, rowOf } from '../atlas/chart.ts'
import { Explorer } from '../atlas/explore.ts'
import { operations } from '../atlas/operations.ts'
import { NODES_MAX } from '../cluster/addresses.ts'
import { awaitStore } from '../cluster/await-store.ts'
import type { Choice } from '../cluster/choose-store.ts'
import { ownPrograms } from '../cluster/programs.ts'
import type { Config } from '../config.ts'
import { EXIT_INTERRUPTED, UsageError } from '../errors.ts'
import { CRASH_POINTS } from '../faults/contract/fault-detail.ts'
import { type Lab, openLab } from '../lab.ts'
import { PRIVATE_FILE_MODE } from '../make-directory.ts'
import { SEED_MAX } from '../random.ts'
import { makeRunDirectory, runName } from '../run-directory.ts'
import { strategyNames } from '../strategies.ts'
import { visible, visibleJson } from '../terminal/visible.ts'
import { chooseStrategy } from './command/choose-strategy.ts'
import {
  choiceFlag,
  flagsHelp,
  type FlagValues,
  integerFlag,
  parseFlags,
  switchFlag,
  textFlag,
} from './command/flags.ts'
import { databaseFlag } from './command/store-flags.ts'
import { stopSignal, whenStopped } from './command/stop-signal.ts'
import { say as print } from '../terminal/say.ts'

const ALL = 'all'
const TOKEN = 'token'

const atlasFlags = {
  strategy: choiceFlag([...strategyNames, ALL], {
    placeholder: 'NAME',
    help: `one of them, or ${ALL} (${ALL})`,
    otherwise: ALL,
  }),
  database: databaseFlag,
  nodes: integerFlag(
    { min: 2, max: NODES_MAX },
    { placeholder: 'N', help: `nodes, 2 to ${NODES_MAX} (3)`, otherwise: 3 },
  ),
  logs: textFlag<string | undefined>('a directory', {
    placeholder: 'DIR',
    help: 'where atlas.json, the traces and the logs go (a fresh directory in .ninelives/)',
    otherwise: undefined,
  }),
  seed: integerFlag<number | undefined>(
    { min: 0, max: SEED_MAX },
    { placeholder: 'N', help: 'the seed, which the result includes (any)', otherwise: undefined },
  ),
  json: switchFlag('the result as JSON, and nothing else'),
}

const atlasHelp = `ninelives atlas [flags]

Kills a node at every crash point of every operation, one after the other, and shows what the
user lost: a row for each operation, a column for each crash point.

${flagsHelp(atlasFlags)}
${LEGEND}
Exits with 0 if everything was tried, 3 if a crash point could not be hit, 130 after Ctrl-C.
`

type Values = FlagValues<typeof atlasFlags>

/** How long a node stays down. */
const RESTART_AFTER_MS = 300
const EXIT_UNKNOWN = 3

interface Outing {
  readonly flags: Values
  readonly config: Config
  readonly run: string
  readonly seed: number
  readonly directory: string
  readonly stop: AbortSignal
  readonly say: (text: string) => void
  /** The present cluster, which a second Ctrl-C kills. */
  readonly held: { lab?: Lab }
}

/** Resolves with the exit code once everything has stopped. */
export async function atlas(args: readonly string[], config: Config): Promise<number> {
  const flags = parseFlags('atlas', atlasFlags, args)
  if (flags === 'help') {
    print(atlasHelp)
    return 0
  }
  const say = (text: string): void => void (flags.json || print(text))
  const choices = chosen(flags, config, say)
  const run = runName(new Date(), process.pid)
  const directory = makeRunDirectory(run, flags.logs)
  const seed = flags.seed ?? randomInt(SEED_MAX)
  const held: { lab?: Lab } = {}
  const stop = stopSignal({ endsWithParent: config.endsWithParent, onSecond: () => void leaveAtOnce(held.lab) })
  const charts: Chart[] = []
  for (const choice of choices) {
    const chart = await chartOf(choice, { flags, config, run, seed, directory, stop, say, held })
    if (stop.aborted) {
      say(`\nInterrupted. What was found so far is above, if anything, its traces in ${directory}\n`)
      return EXIT_INTERRUPTED
    }
    charts.push(chart)
  }
  const result: Atlas = { schema: ATLAS_SCHEMA, run, seed, charts }
  const file = path.join(directory, 'atlas.json')
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`, { mode: PRIVATE_FILE_MODE })
  if (flags.json) process.stdout.write(`${visibleJson(result)}\n`)
  say(`${LEGEND}\nAs data: ${file}\n`)
  return charts.some(({ cells }) => cells.some(({ state }) => state === 'missed')) ? EXIT_UNKNOWN : 0
}

/** The strategies whose servers this machine has. */
function chosen({ strategy, database }: Values, config: Config, say: (text: string) => void): readonly Choice[] {
  if (strategy !== ALL) return [chooseStrategy({ strategy, store: undefined, database }, config)]
  return strategyNames.flatMap((name) => {
    try {
      return [chooseStrategy({ strategy: name, store: undefined }, config)]
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      say(`Without ${name}: ${error.message}\n`)
      return []
    }
  })
}

async function chartOf(choice: Choice, outing: Outing): Promise<Chart> {
  const { stop, say, held } = outing
  const { strategy, own } = choice
  const unfinished: Chart = { strategy: strategy.name, cells: [] }
  if (own !== undefined) await awaitStore(own, (line) => say(`${visible(line)}\n`), stop)
  if (stop.aborted) return unfinished
  const lab = await openLab(labOptions(choice, outing))
  held.lab = lab
  try {
    const cells = await Promise.race([survey(lab, strategy, outing), whenStopped(stop)])
    await lab.stop(stop.aborted ? String(stop.reason) : 'surveyed')
    return { ...unfinished, cells: cells ?? [] }
  } catch (error) {
    await lab.kill()
    if (stop.aborted) return unfinished
    throw error
  } finally {
    delete held.lab
  }
}

async function survey(lab: Lab, strategy: Choice['strategy'], { stop, say }: Outing): Promise<readonly Cell[]> {
  const { name } = strategy
  await lab.start()
  say(`\n${heading(name)}`)
  // A session that is in its cookie has no socket.
  const possible = operations.filter(({ name: operation }) => operation !== 'move' || name !== TOKEN)
  const explorer = new Explorer(lab, strategy, stop)
  const cells: Cell[] = []
  try {
    for (const operation of possible) {
      for (const point of CRASH_POINTS) {
        progress(
          say,
          `${name}: ${operation.name}, ${point} (${cells.length + 1} of ${possible.length * CRASH_POINTS.length})`,
        )
        cells.push(await explorer.explore(operation, point))
        if (stop.aborted) return cells
      }
      progress(say, '')
      say(
        rowOf(
          operation.name,
          cells.filter((cell) => cell.operation === operation.name),
        ),
      )
    }
    say('\n')
    return cells
  } finally {
    explorer.close()
  }
}

/** Overwrites one line, and only on a terminal. */
function progress(say: (text: string) => void, text: string): void {
  if (process.stdout.isTTY) say(`\r\u001b[K${text}`)
}

function labOptions(choice: Choice, { flags, config, run, seed, directory }: Outing) {
  return {
    ...choice,
    nodes: flags.nodes,
    port: 0,
    controlPort: 0,
    restartAfterMs: RESTART_AFTER_MS,
    users: 0,
    rate: 1,
    seed,
    run,
    directory: makeRunDirectory(run, path.join(directory, choice.strategy.name)),
    environment: config.environment,
    programs: ownPrograms(),
  }
}

async function leaveAtOnce(lab: Lab | undefined): Promise<void> {
  await lab?.kill()
  process.exit(EXIT_INTERRUPTED)
}
