/**
 * The report of a result: `node bench/report/index.ts RESULT.json [OUT.html]` makes it again. The first report installs the packages that
 * draw the charts.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from '@ninelives/lab'
import { benchMain, say } from '../harness/command/command.ts'
import { installPackages } from '../harness/peers.ts'
import type { Matrix } from '../matrix/result.ts'
import type { BenchResult } from '../result.ts'
import type { Beside } from './page.ts'
import { readResult } from './read-result.ts'

const USAGE = 'node bench/report/index.ts RESULT.json [OUT.html]'

export async function writeReport(result: BenchResult, path: string, beside: Beside = {}): Promise<void> {
  await installPackages('report', say)
  const { reportHtml } = await import('./page.ts')
  writeFileSync(path, reportHtml(result, beside))
}

/** Two runs side by side. */
export async function writeComparison(base: BenchResult, other: BenchResult, path: string): Promise<void> {
  await installPackages('report', say)
  const { compareHtml } = await import('./compare-page.ts')
  writeFileSync(path, compareHtml(base, other))
}

async function main([resultPath, outPath]: readonly string[]): Promise<void> {
  if (resultPath === undefined || resultPath === '--help') throw new UsageError(USAGE)
  const out = outPath ?? join(dirname(resultPath), 'report.html')
  const directory = dirname(resultPath)
  // In bench/results a run of costs is kept beside the runs.
  const cost = read(join(directory, 'cost.json')) ?? read(join(directory, '..', 'cost.json'))
  await writeReport(readResult(resultPath), out, {
    atlas: read(join(directory, 'atlas.json')),
    matrix: read(join(directory, 'matrix.json')) as Matrix | undefined,
    cost,
  })
  say(`The report: ${out}`)
}

function read(path: string): unknown {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as unknown) : undefined
}

if (import.meta.main) benchMain(main)
