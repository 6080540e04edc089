/** `prove --compare`: two runs that were made before, beside each other. */
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { compared, newAnomalies, type Row } from '../../report/compare.ts'
import { UsageError } from '../../errors.ts'
import { say } from '../../terminal/say.ts'
import { givenTrace } from '../command/trace-file.ts'
import { reportOf } from './check.ts'

/** Exits with it if the second run has an anomaly that the first does not have. */
const EXIT_WORSE = 1

/** Takes traces, or the directories of runs. Returns the exit code. */
export function compareRuns(one: string, other: string | undefined): number {
  if (other === undefined) throw new UsageError('prove --compare takes two runs: --compare A B')
  const [before, after] = [one, other].map((each) => reportOf(givenTrace(traceIn(each)))) as [
    ReturnType<typeof reportOf>,
    ReturnType<typeof reportOf>,
  ]
  say(columns([['', one, other], ...compared(before, after)]))
  const found = newAnomalies(before, after)
  if (found.length === 0) return 0
  say(`\nOnly in ${other}: ${found.join(', ')}\n`)
  return EXIT_WORSE
}

function traceIn(run: string): string {
  return existsSync(run) && statSync(run).isDirectory() ? path.join(run, 'trace.ndjson') : run
}

function columns(rows: readonly Row[]): string {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map(([a, b, c]) => `  ${a.padEnd(widths[0] ?? 0)}  ${b.padEnd(widths[1] ?? 0)}  ${c}\n`).join('')
}
