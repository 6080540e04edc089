/** Two runs of `prove` beside each other. */
import { ANOMALIES, INTERLEAVINGS } from '@ninelives/history'
import { rateIn, runText } from '../terminal/verdict.ts'
import { visible } from '../terminal/visible.ts'
import { bounded, type RunReport } from './run-report.ts'

export type Row = readonly [what: string, one: string, other: string]

/** All that a verdict says, as rows. Anomalies and interleavings of neither run are left out. */
export function compared(one: RunReport, other: RunReport): readonly Row[] {
  const row = (what: string, of: (report: RunReport) => string): Row => [what, of(one), of(other)]
  const some = (rows: readonly Row[]): Row[] => rows.filter(([, left, right]) => left !== '0' || right !== '0')
  return [
    row('run', ({ frame }) => aboutRun(frame.events)),
    row('rate', ({ frame }) => String(rateIn(frame.events) ?? '')),
    row('verdict', ({ verdict }) => verdict.verdict),
    row('faults landed', ({ verdict: { faults } }) => `${faults.landed} of ${faults.landed + faults.missed}`),
    row('sessions lost', ({ verdict: { sessions, faults } }) => lost(sessions.lost, sessions.begun, faults.landed)),
    row('writes lost', ({ verdict: { writes, faults } }) => lost(writes.lost, writes.acknowledged, faults.landed)),
    ...some(ANOMALIES.map((kind) => row(kind, ({ verdict }) => String(timesOf(verdict.anomalies, kind))))),
    row('failed', ({ verdict: { operations } }) => String(operations.failed)),
    row('unknown', ({ verdict: { operations } }) => String(operations.unknown)),
    row('p50 ms', ({ verdict: { latency } }) => latency.p50Ms.toFixed(1)),
    row('p99 ms', ({ verdict: { latency } }) => latency.p99Ms.toFixed(1)),
    row('longest ms', ({ verdict: { latency } }) => latency.longestMs.toFixed(0)),
    ...some(
      Object.keys(INTERLEAVINGS).map((name) =>
        row(name, ({ verdict }) => String(verdict.interleavings.find((each) => each.name === name)?.times ?? 0)),
      ),
    ),
    row('in doubt', ({ verdict: { doubts } }) => String(doubts.length)),
  ]
}

/** The kinds of anomalies that only the other run has. */
export function newAnomalies({ verdict: { anomalies: before } }: RunReport, { verdict }: RunReport): readonly string[] {
  return verdict.anomalies.map(({ kind }) => kind).filter((kind) => timesOf(before, kind) === 0)
}

function timesOf(anomalies: RunReport['verdict']['anomalies'], kind: string): number {
  return anomalies.find((each) => each.kind === kind)?.times ?? 0
}

function lost(some: number, of: number, faults: number): string {
  const bound = some === 0 && faults > 0 ? ` (at most ${bounded(faults)} of faults)` : ''
  return `${some} of ${of}${bound}`
}

function aboutRun(events: RunReport['frame']['events']): string {
  const start = events.find((event) => event.type === 'run-started')
  return start === undefined ? '' : visible(runText(start))
}
