/** The tables of one scenario. */
import { type Comparison, type PhaseLatency, PHASES, type StrategyResult } from '../../result.ts'
import type { Estimate } from '../../harness/statistics.ts'
import {
  bytes,
  count,
  outOf,
  figure,
  FINDING_SIGNS,
  milliseconds,
  NOT_MEASURED,
  percent,
  rounded,
  times,
} from '../drawing/figures.ts'
import { html, type Markup } from '@ninelives/lab'
import { isMeasured, type Measured } from '../drawing/reading.ts'
import { type Cell, table } from './table.ts'

type Figures = Measured['figures']

/** A table of strategies: each column is a head and what stands below it. */
type Columns = Readonly<Record<string, (figures: Figures) => Cell>>

const LOSS: Columns = {
  Verdict: ({ verdict, verdictDoubts, anomalies }) =>
    html`${VERDICTS[verdict]}${aside([...counts(anomalies, ' '), ...verdictDoubts])}`,
  Faults: ({ kills }) => count(kills),
  'Sessions lost': ({ sessions: { lost, exposed, lostShare } }) =>
    html`${outOf(lost, exposed)}${aside([shareWords(lost, lostShare.high)])}`,
  'Writes lost': ({ writes }) => outOf(writes.lost, writes.acknowledged),
  'Doubled writes': ({ writes }) => count(writes.duplicated),
  'Stale reads': ({ reads }) => outOf(reads.stale, reads.total),
  Failed: ({ requests: { sent, ok, failed } }) => html`${outOf(sent - ok, sent)}${aside(counts(failed, ': '))}`,
  'Retries an operation': ({ requests }) => figure(requests.retriesPerOperation, rounded),
  'Lost user-seconds': ({ lostUserSeconds }) => estimated(lostUserSeconds),
}

const OUTAGE: Columns = {
  Outage: ({ outageMs }) => estimated(outageMs.p50),
  Longest: ({ outageMs }) => rounded(outageMs.max),
  'Of the user who waited longest': ({ userOutageMs }) => estimated(userOutageMs.p50),
  Detected: ({ detectionMs }) => estimated(detectionMs?.p50),
  'First success': ({ firstSuccessMs }) => estimated(firstSuccessMs.p50),
  Recovered: ({ recoveryMs }) => estimated(recoveryMs?.p50),
  'Not recovered in time': ({ notRecovered }) => count(notRecovered),
}

const COST: Columns = {
  'Requests a second': ({ healthy }) => estimated(healthy?.requestsPerSecond),
  'p50 ms': ({ healthy }) => estimated(healthy?.latencyMs.p50),
  'p99 ms': ({ healthy }) => estimated(healthy?.latencyMs.p99),
  'Balancer µs CPU': ({ healthy }) => estimated(healthy?.cpuMicrosPerRequest.balancer),
  'Nodes µs CPU': ({ healthy }) => estimated(healthy?.cpuMicrosPerRequest.node),
  'Store µs CPU': ({ healthy }) => estimated(healthy?.cpuMicrosPerRequest.store),
  'Memory a session': ({ memoryBytesPerSession }) => estimated(memoryBytesPerSession, bytes),
  'Store a session': ({ storeBytesPerSession }) => estimated(storeBytesPerSession, bytes),
}

const VERDICTS: Readonly<Record<Figures['verdict'], string>> = {
  valid: '✓ valid',
  invalid: '✗ invalid',
  unknown: '? unknown',
}

export function lossTable(scenario: string, entries: readonly StrategyResult[]): Markup {
  return strategyTable(`What was lost: ${scenario}`, LOSS, entries)
}

export function outageTable(scenario: string, entries: readonly StrategyResult[]): Markup {
  return strategyTable(`Around a fault, median over faults with its interval, in ms: ${scenario}`, OUTAGE, entries)
}

export function costTable(scenario: string, entries: readonly StrategyResult[]): Markup {
  const caption = `What it costs with nothing broken, median over blocks with its interval: ${scenario}`
  return strategyTable(caption, COST, entries)
}

function strategyTable(caption: string, columns: Columns, entries: readonly StrategyResult[]): Markup {
  const cells = (entry: StrategyResult): Cell[] =>
    Object.values(columns).map((cell) => (isMeasured(entry) ? cell(entry.figures) : NOT_MEASURED))
  const rows = entries.map((entry) => [entry.title, ...cells(entry)])
  return table(caption, ['Strategy', ...Object.keys(columns)], rows)
}

function counts(of: Readonly<Record<string, number>>, between: string): string[] {
  return Object.entries(of).map(([kind, number]) => `${kind}${between}${count(number)}`)
}

function shareWords(lost: number, high: number): string {
  if (lost > 0) return `at most ${percent(Math.min(1, high))}`
  return high >= 1 ? 'too few faults for a bound' : `≤ ${percent(high)} by 3/N`
}

function aside(words: readonly string[]): Markup | undefined {
  return words.length === 0 ? undefined : html` <small>${words.join(', ')}</small>`
}

export function latencyTable(scenario: string, entries: readonly Measured[]): Markup {
  return table(
    `Latency from the due time; p99.9 only from 10,000 operations on: ${scenario}`,
    ['Strategy', ...PHASES.flatMap((phase) => [`${phase} p50`, 'p99', 'p99.9', 'n'])],
    entries.map(({ title, figures }) => [title, ...PHASES.flatMap((phase) => latencyCells(figures.latencyMs[phase]))]),
  )
}

function latencyCells(latency: PhaseLatency | undefined): Cell[] {
  const times = [latency?.p50, latency?.p99, latency?.p999].map((ms) => figure(ms, milliseconds))
  return [...times, figure(latency?.n, count)]
}

/** The name of each compared figure. */
export const COMPARED: Readonly<Record<Comparison['figure'], string>> = {
  outageMs: 'Outage',
  'healthy p50': 'Healthy p50',
  'healthy p99': 'Healthy p99',
  cpuMicrosPerRequest: 'CPU a request',
  requestsPerSecond: 'Requests a second',
}

export function ratioTable(
  scenario: string,
  compared: readonly Comparison[],
  titled: (name: string) => string,
): Markup {
  return table(
    `How many times the base’s, within blocks: ${scenario}`,
    ['Strategy', 'Base', 'Figure', 'Ratio', 'Blocks', 'Finding'],
    compared.map(({ strategy, base, figure: of, ratio, finding, isAgain }) => [
      html`${titled(strategy)}${isAgain ? html` <strong>A/A</strong>` : undefined}`,
      titled(base),
      COMPARED[of],
      times(ratio),
      count(ratio.blocks),
      FINDING_SIGNS[finding],
    ]),
  )
}

/** The interval stands below the figure, so that nine columns fit on the page. */
function estimated(of: Estimate | undefined, unit: (value: number) => string = rounded): Cell {
  return figure(
    of,
    ({ median, low, high }) => html`${unit(median)}${aside(low === high ? [] : [`${unit(low)}–${unit(high)}`])}`,
  )
}
