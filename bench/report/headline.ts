/**
 * The table of docs/explanation/costs.md, from a result alone: `node bench/report/headline.ts RESULT.json` puts it between the markers.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { UsageError } from '@ninelives/lab'
import { benchMain, say } from '../harness/command/command.ts'
import { withBlock } from '../harness/marked-block.ts'
import type { BenchResult } from '../result.ts'
import type { Estimate } from '../harness/statistics.ts'
import { NOT_MEASURED_TEXT, outOf, percent, plural, withInterval } from './drawing/figures.ts'
import {
  boundOfNone,
  contestants,
  differsFromItself,
  isMeasured,
  type Measured,
  scenariosOf,
} from './drawing/reading.ts'
import { markdownTable } from './drawing/markdown-table.ts'
import { readResult } from './read-result.ts'

const HEADS = [
  '',
  'sessions lost',
  'acknowledged writes lost',
  'longest wait, ms',
  'CPU of nodes, µs',
  'CPU of balancer, µs',
  'CPU of store, µs',
]
const PAGE = fileURLToPath(new URL('../../docs/explanation/costs.md', import.meta.url))

/** Of the first scenario, formatted as by the formatter. */
export function headline(result: BenchResult): string {
  const [scenario] = scenariosOf(result)
  const measured = scenario === undefined ? [] : contestants(result, scenario).filter(isMeasured)
  if (scenario === undefined || measured.length === 0) throw new UsageError('nothing was measured in this result')
  return `${markdownTable([HEADS, ...measured.map(cells)])}\n\n${caption(result, scenario)}`
}

/** The text with the table between its markers, and nothing else changed. */
export function withHeadline(page: string, result: BenchResult): string {
  return withBlock(page, 'headline', headline(result))
}

function cells({ title, figures }: Measured): string[] {
  const { kills, sessions, writes, userOutageMs, healthy } = figures
  const lost = (some: number, of: number): string => {
    if (of === 0) return NOT_MEASURED_TEXT
    if (some > 0) return `${percent(some / of)} (${outOf(some, of)})`
    const bound = boundOfNone(kills)
    return bound === undefined ? `none in ${plural(kills, 'fault')}` : `none (≤ ${percent(bound)} of faults)`
  }
  const { node, balancer, store } = healthy?.cpuMicrosPerRequest ?? {}
  return [
    title,
    lost(sessions.lost, sessions.exposed),
    lost(writes.lost, writes.acknowledged),
    kills === 0 ? NOT_MEASURED_TEXT : withInterval(userOutageMs.p50),
    ...[node, balancer, store].map(estimated),
  ]
}

function estimated(of: Estimate | undefined): string {
  return of === undefined ? NOT_MEASURED_TEXT : withInterval(of)
}

function caption(result: BenchResult, scenario: string): string {
  const { options, environment, startedAt, seed, doubts } = result
  const doubted = doubts.length > 0 || differsFromItself(result)
  return (
    `${plural(options.kills, 'fault')} a strategy in “${scenario}”, ${environment.cores} × ${environment.processor}, Node ` +
    `${environment.node.replace('v', '')}, ${startedAt.slice(0, 10)}, seed ${seed}, commit ${environment.commit.slice(0, 10)}. ` +
    'In brackets 95 % intervals; longest wait: of the user who waited longest, median over faults; CPU: of one request. ' +
    `“None (≤ ${percent(boundOfNone(options.kills) ?? 1)} of faults)”: none was lost, and so many faults rule out, at 95 %, that more than this share of them ` +
    'loses one. “Ten lines” is the usual first store for it: get, set and destroy.' +
    (doubted ? ' **Not to be quoted: the result says why.**' : '')
  )
}

/** Names may hold characters that mean something in Markdown. */
function main([resultPath]: readonly string[]): void {
  if (resultPath === undefined || resultPath === '--help')
    throw new UsageError('node bench/report/headline.ts RESULT.json')
  writeFileSync(PAGE, withHeadline(readFileSync(PAGE, 'utf8'), readResult(resultPath)))
  say('The table in docs/explanation/costs.md is up to date')
}

if (import.meta.main) benchMain(async (args) => main(args))
