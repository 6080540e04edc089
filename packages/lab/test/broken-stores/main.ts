/**
 * Runs `prove` on everything that is broken on purpose, with several seeds, and prints how often each was caught as what it is:
 * `npm run prove:broken`. Exits with 1 if one of them was missed.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { flagsHelp, type FlagValues, integerFlag, parseFlags, textFlag } from '../../src/cli/command/flags.ts'
import { UsageError } from '../../src/errors.ts'
import { type BrokenThing, brokenThings, type Caught, proveBroken } from '../fixtures/broken-things.ts'
import type { Test } from '../fixtures/open-lab.ts'

const EXIT_MISSED = 1
const EXIT_USAGE = 2
const EXIT_INTERRUPTED = 130
const SEEDS_DEFAULT = 10
const RESULT_SCHEMA = 1
/** Of a run that missed its defect. */
const LAST_LINES = 12

const names = brokenThings.map(({ name }) => name)

const FLAGS = {
  seeds: integerFlag(
    { min: 1, max: 1_000 },
    { placeholder: 'N', help: `so many seeds of each, from 1 (${SEEDS_DEFAULT})`, otherwise: SEEDS_DEFAULT },
  ),
  lanes: integerFlag(
    { min: 1, max: 32 },
    { placeholder: 'N', help: 'runs at once (one for each core)', otherwise: availableParallelism() },
  ),
  only: textFlag<string | undefined>('names', {
    placeholder: 'A,B',
    help: `these (all: ${names.join(', ')})`,
    otherwise: undefined,
  }),
  out: textFlag<string | undefined>('a file', {
    placeholder: 'FILE',
    help: 'where the result goes as JSON; what is in it already is not run again',
    otherwise: undefined,
  }),
}

interface Row {
  readonly name: string
  readonly caughtAs: string
  /** The seeds. */
  readonly caught: number[]
  readonly missed: number[]
  /** Other anomalies, with the number of runs that had them. */
  readonly beside: Record<string, number>
}

const endings = new Set<() => unknown>()

/** Ends what the run started. */
async function withTest<T>(body: (t: Test) => Promise<T>): Promise<T> {
  const own: (() => unknown)[] = []
  const end = async (): Promise<void> => {
    for (const each of own.splice(0).toReversed()) await each()
  }
  endings.add(end)
  try {
    return await body({ teardown: (ending: () => unknown) => void own.push(ending) })
  } finally {
    await end()
    endings.delete(end)
  }
}

async function catchAll({ seeds, lanes, only, out }: FlagValues<typeof FLAGS>): Promise<number> {
  const asked = only?.split(',').map((name) => name.trim())
  const unknown = asked?.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new UsageError(`--only takes ${names.join(', ')}, not "${unknown}"`)
  const chosen = brokenThings.filter(({ name }) => asked?.includes(name) ?? true)
  const rows = rowsOf(chosen, out)
  const runs = Array.from({ length: seeds }, (_, index) => chosen.map((thing) => ({ thing, seed: index + 1 })))
    .flat()
    .filter(({ thing, seed }) => !isMade(rows.get(thing.name), seed))
  const total = runs.length
  const lane = async (): Promise<void> => {
    for (let next = runs.shift(); next !== undefined; next = runs.shift()) {
      const { thing, seed } = next
      const caught = await withTest((t) => proveBroken(t, thing, seed))
      note(rows.get(thing.name), seed, caught)
      if (out !== undefined) write(out, [...rows.values()])
      tell(`${total - runs.length} of ${total}`, thing, seed, caught)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  const found = [...rows.values()].filter(({ name }) => chosen.some((thing) => thing.name === name))
  process.stdout.write(table(found))
  const isWhole = found.every(({ caught, missed }) => missed.length === 0 && caught.length >= seeds)
  return isWhole ? 0 : EXIT_MISSED
}

function rowsOf(chosen: readonly BrokenThing[], file: string | undefined): Map<string, Row> {
  const kept =
    file !== undefined && existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as { readonly broken: readonly Row[] }).broken
      : []
  const known = new Map(kept.map((row) => [row.name, row]))
  const isWanted = ({ name }: BrokenThing): boolean => known.has(name) || chosen.some((thing) => thing.name === name)
  return new Map(brokenThings.filter(isWanted).map((thing) => [thing.name, known.get(thing.name) ?? fresh(thing)]))
}

function fresh({ name, caughtAs }: BrokenThing): Row {
  return { name, caughtAs, caught: [], missed: [], beside: {} }
}

function isMade(row: Row | undefined, seed: number): boolean {
  return row !== undefined && (row.caught.includes(seed) || row.missed.includes(seed))
}

/** A run without a verdict says nothing, and is made again by the next command with the same --out. */
function note(row: Row | undefined, seed: number, { verdict, kinds }: Caught): void {
  if (row === undefined || verdict === 'none') return
  const isCaught = kinds.some((kind) => kind === row.caughtAs)
  ;(isCaught ? row.caught : row.missed).push(seed)
  for (const kind of kinds) if (kind !== row.caughtAs) row.beside[kind] = (row.beside[kind] ?? 0) + 1
}

function tell(place: string, { name, caughtAs }: BrokenThing, seed: number, { verdict, kinds, said }: Caught): void {
  const isCaught = kinds.includes(caughtAs)
  const found = verdict === 'none' ? 'no verdict' : kinds.length === 0 ? verdict : kinds.join(', ')
  process.stderr.write(`${place}  ${name}, seed ${seed}: ${isCaught ? '' : 'MISSED, '}${found}\n`)
  if (!isCaught) process.stderr.write(`${said.trim().split('\n').slice(-LAST_LINES).join('\n')}\n`)
}

function table(rows: readonly Row[]): string {
  const cells = rows.map(({ name, caughtAs, caught, missed, beside }) => [
    name,
    caughtAs,
    `${caught.length} of ${caught.length + missed.length}`,
    Object.entries(beside)
      .map(([kind, times]) => `${kind} ${times}`)
      .join(', '),
  ])
  const all = [['broken on purpose', 'caught as', 'caught in', 'and in so many runs'], ...cells]
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')
  return all.map((row) => `${line(row).trimEnd()}\n`).join('')
}

function write(file: string, broken: readonly Row[]): void {
  writeFileSync(file, `${JSON.stringify({ schema: RESULT_SCHEMA, broken }, undefined, 2)}\n`)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.allSettled([...endings].map((end) => end())).then(() => process.exit(EXIT_INTERRUPTED))
  })
}

try {
  const flags = parseFlags('npm run prove:broken --', FLAGS, process.argv.slice(2))
  if (flags === 'help') process.stdout.write(`npm run prove:broken -- [flags]\n\n${flagsHelp(FLAGS)}`)
  else process.exitCode = await catchAll(flags)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = EXIT_USAGE
}
