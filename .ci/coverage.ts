/**
 * Compares what the tests of `npm run coverage` reached, for each package, with the baseline in coverage.json, and exits with 1 if a
 * share has fallen. `--update` writes the baseline. Two runs differ by what their kills and timers hit, hence the tolerance.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'

type Measure = 'lines' | 'branches'
type Counts = Readonly<Record<Measure, { readonly total: number; readonly covered: number }>>
/** In percent, by package. */
type Shares = Record<string, Record<Measure, number>>

const SUMMARY = '.ninelives/coverage/coverage-summary.json'
const BASELINE = 'coverage.json'
const TOLERANCE_POINTS = 1
const MEASURES: readonly Measure[] = ['lines', 'branches']

process.chdir(resolve(import.meta.dirname, '..'))
const shares = sharesOf(read(SUMMARY) as Record<string, Counts>)
if (process.argv.includes('--update')) writeFileSync(BASELINE, `${JSON.stringify(shares, undefined, 2)}\n`)

const baseline = read(BASELINE) as Partial<Shares>
for (const [name, shareNow] of Object.entries(shares)) {
  const before = baseline[name]
  if (before === undefined) process.stdout.write(`${name} has no baseline yet: add it with --update\n`)
  for (const measure of MEASURES) {
    const now = shareNow[measure]
    const hasFallen = before !== undefined && now < before[measure] - TOLERANCE_POINTS
    if (hasFallen) process.exitCode = 1
    const change = hasFallen ? `, fallen from ${before[measure]} %` : ''
    process.stdout.write(`${name.padEnd(9)} ${measure.padEnd(8)} ${now} %${change}\n`)
  }
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}

function sharesOf(summary: Readonly<Record<string, Counts>>): Shares {
  const found: Shares = {}
  const byPackage = Object.groupBy(
    Object.keys(summary),
    (path) => /^packages\/([^/]+)/.exec(relative('.', path))?.[1] ?? '',
  )
  for (const [name, paths = []] of Object.entries(byPackage).sort(([one], [other]) => one.localeCompare(other))) {
    if (name === '') continue
    const share = (measure: Measure): number => {
      const counts = paths.flatMap((path) => summary[path]?.[measure] ?? [])
      const sum = (part: 'total' | 'covered'): number => counts.reduce((before, each) => before + each[part], 0)
      return Math.round((sum('covered') / sum('total')) * 1_000) / 10
    }
    found[name] = { lines: share('lines'), branches: share('branches') }
  }
  return found
}
