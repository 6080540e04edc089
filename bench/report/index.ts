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
import { readResult } from './read-result.ts'

const USAGE = 'node bench/report/index.ts RESULT.json [OUT.html]'

export async function writeReport(result: BenchResult, path: string, atlas?: unknown, matrix?: Matrix): Promise<void> {
  await installPackages('report', say)
  const { reportHtml } = await import('./page.ts')
  writeFileSync(path, reportHtml(result, atlas, matrix))
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
  const beside = (name: string): unknown => {
    const path = join(dirname(resultPath), name)
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
  }
  const matrix = beside('matrix.json') as Matrix | undefined
  await writeReport(readResult(resultPath), out, beside('atlas.json'), matrix)
  say(`The report: ${out}`)
}

if (import.meta.main) benchMain(main)
