/** The tables of one scenario. */
import {
  type StrategyResult,
  type Comparison,
  type CpuFigures,
  type Phase,
  type PhaseLatency,
  PHASES,
  type Spread,
} from '../../result.ts'
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
import { html, type Markup } from '../drawing/markup.ts'
import { isMeasured, type Measured } from '../drawing/reading.ts'
import { type Cell, table } from './table.ts'

export function lossTable(scenario: string, entries: readonly StrategyResult[]): Markup {
  return table(
    `What was lost: ${scenario}`,
    [
      'Strategy',
      'Verdict',
      'Faults',
      'Sessions lost',
      'Writes lost',
      'Doubled writes',
      'Stale reads',
      'Failed',
      'Retries an operation',
      'Lost user-seconds',
    ],
    entries.map((entry) => [entry.title, ...(isMeasured(entry) ? lossCells(entry) : dashes(9))]),
  )
}

function lossCells({ figures }: Measured): Cell[] {
  const { sessions, writes, reads, requests } = figures
  const failed = Object.entries(requests.failed).map(([kind, number]) => `${kind}: ${count(number)}`)
  const wrong = Object.entries(figures.anomalies).map(([kind, number]) => `${kind} ${count(number)}`)
  return [
    html`${verdictWords(figures.verdict)}${aside([...wrong, ...figures.verdictDoubts])}`,
    count(figures.kills),
    html`${outOf(sessions.lost, sessions.exposed)}${aside([shareWords(sessions.lost, sessions.lostShare.high)])}`,
    outOf(writes.lost, writes.acknowledged),
    count(writes.duplicated),
    outOf(reads.stale, reads.total),
    html`${outOf(requests.sent - requests.ok, requests.sent)}${aside(failed)}`,
    figure(requests.retriesPerOperation, rounded),
    estimated(figures.lostUserSeconds),
  ]
}

function verdictWords(verdict: 'valid' | 'invalid' | 'unknown'): string {
  return { valid: '✓ valid', invalid: '✗ invalid', unknown: '? unknown' }[verdict]
}

function shareWords(lost: number, high: number): string {
  if (lost > 0) return `at most ${percent(Math.min(1, high))}`
  return high >= 1 ? 'too few faults for a bound' : `≤ ${percent(high)} by 3/N`
}

function aside(words: readonly string[]): Markup | undefined {
  return words.length === 0 ? undefined : html` <small>${words.join(', ')}</small>`
}

export function outageTable(scenario: string, entries: readonly StrategyResult[]): Markup {
  return table(
    `Around a fault, median over faults with its interval, in ms: ${scenario}`,
    [
      'Strategy',
      'Outage',
      'Longest',
      'Of the user who waited longest',
      'Detected',
      'First success',
      'Recovered',
      'Not recovered in time',
    ],
    entries.map((entry) => [entry.title, ...(isMeasured(entry) ? outageCells(entry) : dashes(7))]),
  )
}

function outageCells({ figures }: Measured): Cell[] {
  return [
    spread(figures.outageMs),
    rounded(figures.outageMs.max),
    spread(figures.userOutageMs),
    spread(figures.detectionMs),
    spread(figures.firstSuccessMs),
    spread(figures.recoveryMs),
    count(figures.notRecovered),
  ]
}

export function latencyTable(scenario: string, entries: readonly Measured[]): Markup {
  return table(
    `Latency from the due time; p99.9 only from 10,000 operations on: ${scenario}`,
    ['Strategy', ...PHASES.flatMap(phaseHeads)],
    entries.map(({ title, figures }) => [title, ...PHASES.flatMap((phase) => phaseCells(figures.latencyMs[phase]))]),
  )
}

function phaseHeads(phase: Phase): string[] {
  return [`${phase} p50`, 'p99', 'p99.9', 'n']
}

function phaseCells(latency: PhaseLatency | undefined): Cell[] {
  return [
    figure(latency?.p50, milliseconds),
    figure(latency?.p99, milliseconds),
    figure(latency?.p999, milliseconds),
    figure(latency?.n, count),
  ]
}

export function costTable(scenario: string, entries: readonly StrategyResult[]): Markup {
  return table(
    `What it costs with nothing broken, median over blocks with its interval: ${scenario}`,
    [
      'Strategy',
      'Requests a second',
      'p50 ms',
      'p99 ms',
      'Balancer µs CPU',
      'Nodes µs CPU',
      'Store µs CPU',
      'Memory a session',
      'Store a session',
    ],
    entries.map((entry) => [entry.title, ...(isMeasured(entry) ? costCells(entry) : dashes(8))]),
  )
}

function costCells({ figures: { healthy, memoryBytesPerSession, storeBytesPerSession } }: Measured): Cell[] {
  const cpu: Partial<CpuFigures<Estimate>> = healthy?.cpuMicrosPerRequest ?? {}
  return [
    estimated(healthy?.requestsPerSecond),
    estimated(healthy?.latencyMs.p50),
    estimated(healthy?.latencyMs.p99),
    estimated(cpu.balancer),
    estimated(cpu.node),
    estimated(cpu.store),
    estimated(memoryBytesPerSession, bytes),
    estimated(storeBytesPerSession, bytes),
  ]
}

/** What each figure of a comparison is, in words. */
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

function spread(of: Spread | undefined): Cell {
  return estimated(of?.p50)
}

/** The interval below the figure, or nine columns would be wider than the page. */
function estimated(of: Estimate | undefined, unit: (value: number) => string = rounded): Cell {
  return figure(
    of,
    ({ median, low, high }) => html`${unit(median)}${aside(low === high ? [] : [`${unit(low)}–${unit(high)}`])}`,
  )
}

function dashes(number: number): Cell[] {
  return Array.from({ length: number }, () => NOT_MEASURED)
}
