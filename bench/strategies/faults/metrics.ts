/**
 * The effect of a fault on the users: a pure function of the trace, tested with traces written by hand. METHOD.md defines each
 * figure in words.
 */
import { LATE_MAX_MS, type TraceEvent } from '@ninelives/history'
import { LatencyHistogram, phaseLatency } from '../../latency-histogram.ts'
import {
  BIN_MS,
  type KillBin,
  type KillRecord,
  OUTAGE_PHASE_MS,
  type Phase,
  type PhaseLatencies,
} from '../../result.ts'
import { type Losses, lossesOf } from './losses.ts'
import { type Mark, marksIn } from './marks.ts'
import { bandOf, recoveryMs } from './recovery.ts'
import { type UserOperation, waiting } from './waiting.ts'

export type Measured = Omit<KillRecord, 'block'>

interface Span {
  readonly mark: Mark
  readonly fromMs: number
  readonly atMs: number
  readonly toMs: number
}

/** One for each fault that the bench marked in the trace, compared with the `beforeMs` before it. */
export function killMeasures(events: readonly TraceEvent[], beforeMs: number): Measured[] {
  const marks = marksIn(events)
  const operations = operationsOf(events)
  const spans = marks.map((mark, index): Span => {
    const { atMs, untilMs } = mark
    const toMs = Math.min(untilMs, marks[index + 1]?.atMs ?? Number.POSITIVE_INFINITY)
    return { mark, fromMs: atMs - beforeMs, atMs, toMs }
  })
  const losses = lossesOf(
    events,
    marks.map(({ atMs }, index) => ({ fromMs: atMs, toMs: marks[index + 1]?.atMs ?? Number.POSITIVE_INFINITY })),
  )
  return spans.map((span, index) => {
    const within = operations.filter(({ dueAtMs }) => dueAtMs >= span.fromMs && dueAtMs < span.toMs)
    return Object.assign(measured(within, operations, span, events), losses[index] as Losses)
  })
}

type FromOperations = Omit<Measured, keyof Losses>

function measured(
  within: readonly UserOperation[],
  all: readonly UserOperation[],
  span: Span,
  events: readonly TraceEvent[],
): FromOperations {
  const { mark, atMs, toMs } = span
  const after = within.filter(({ dueAtMs }) => dueAtMs >= atMs)
  const band = bandOf(within.filter(({ dueAtMs }) => dueAtMs < atMs))
  const waited = waiting(after, toMs, band?.p99MaxMs ?? 0)
  const recovered = band === undefined ? undefined : recoveryMs(after, atMs, toMs, band)
  const detection = detectedAtMs(events, span)
  const [first] = goodEnds(after)
  const { phases, histograms } = phasesOf(within, span)
  const latenessMs = latenessOf(within)
  const excluded = whyExcluded(mark, within, latenessMs)
  return {
    fault: mark.fault,
    target: mark.target,
    phases,
    histograms,
    outageMs: outageMs(all, span),
    userOutageMs: waited.longestMs,
    ...(detection === undefined ? {} : { detectionMs: hundredths(detection - atMs) }),
    ...(first === undefined ? {} : { firstSuccessMs: hundredths(first - atMs) }),
    ...(recovered === undefined ? {} : { recoveryMs: recovered }),
    lostUserSeconds: waited.userSeconds,
    requestsSent: after.length,
    requestsFailed: after.filter(({ isOk }) => !isOk).length,
    latenessMs,
    bins: binsOf(within, span),
    ...(excluded === undefined ? {} : { excluded }),
  }
}

function whyExcluded(mark: Mark, within: readonly UserOperation[], latenessMs: number): string | undefined {
  if (mark.failed !== undefined) return `it did not land: ${mark.failed}`
  if (within.length === 0) return 'nothing was due'
  if (latenessMs > LATE_MAX_MS) return `the generator was ${latenessMs.toFixed(1)} ms late at p99`
  return undefined
}

function operationsOf(events: readonly TraceEvent[]): UserOperation[] {
  const ends = new Map(events.flatMap((event) => (event.type === 'operation-ended' ? [[event.op, event]] : [])))
  return events.flatMap((event) => {
    // A copy is read past the balancer, at the end.
    if (event.type !== 'operation-sent' || event.kind === 'copy') return []
    const { user, dueAtMs, lateMs } = event
    const end = ends.get(event.op)
    const ended = end === undefined ? {} : { endedAtMs: end.endedAtMs }
    return [{ user, dueAtMs, lateMs, ...ended, isOk: end?.outcome === 'ok' }]
  })
}

/** The longest time without a good answer from the fault on, whatever the due time of the answered operation. */
function outageMs(operations: readonly UserOperation[], { atMs, toMs }: Span): number {
  const good = goodEnds(operations).filter((endedAtMs) => endedAtMs > atMs && endedAtMs < toMs)
  const instants = [atMs, ...good, toMs]
  return hundredths(Math.max(...instants.slice(1).map((instant, index) => instant - (instants[index] as number))))
}

function goodEnds(operations: readonly UserOperation[]): number[] {
  return operations
    .flatMap(({ isOk, endedAtMs }) => (isOk && endedAtMs !== undefined ? [endedAtMs] : []))
    .sort((one, other) => one - other)
}

/** From the balancer's own events about the nodes of the fault. */
function detectedAtMs(events: readonly TraceEvent[], { mark, atMs, toMs }: Span): number | undefined {
  const noticed = events.find(
    (event) =>
      (event.type === 'upstream-ejected' || event.type === 'upstream-draining') &&
      event.atMs >= atMs &&
      event.atMs < toMs &&
      mark.nodes.includes(event.upstream),
  )
  return noticed?.atMs
}

function phasesOf(within: readonly UserOperation[], { atMs, toMs }: Span) {
  const histograms = {
    before: new LatencyHistogram(),
    outage: new LatencyHistogram(),
    after: new LatencyHistogram(),
  } satisfies Record<Phase, LatencyHistogram>
  for (const { dueAtMs, endedAtMs = toMs } of within) {
    const phase: Phase = dueAtMs < atMs ? 'before' : dueAtMs < atMs + OUTAGE_PHASE_MS ? 'outage' : 'after'
    // Failed answers count too; an operation without an answer counts until it was given up.
    histograms[phase].record((endedAtMs - dueAtMs) * 1_000)
  }
  const entries = Object.entries(histograms) as [Phase, LatencyHistogram][]
  return {
    phases: Object.fromEntries(
      entries.flatMap(([phase, histogram]) => (histogram.count === 0 ? [] : [[phase, phaseLatency(histogram)]])),
    ) as PhaseLatencies,
    histograms: Object.fromEntries(entries.map(([phase, histogram]) => [phase, String(histogram)])) as Record<
      Phase,
      string
    >,
  }
}

function binsOf(within: readonly UserOperation[], { fromMs, atMs, toMs }: Span): KillBin[] {
  const binOf = ({ dueAtMs }: UserOperation): number => Math.floor((dueAtMs - atMs) / BIN_MS)
  const binned = Map.groupBy(within, binOf)
  const [first, last] = [Math.ceil((fromMs - atMs) / BIN_MS), Math.floor((toMs - atMs) / BIN_MS)]
  return Array.from({ length: Math.max(0, last - first) }, (_, index): KillBin => {
    const own = binned.get(first + index) ?? []
    const good = own.filter(({ isOk }) => isOk)
    const latencies = good.map(({ dueAtMs, endedAtMs = toMs }) => endedAtMs - dueAtMs).sort((one, other) => one - other)
    const counts = { fromMs: (first + index) * BIN_MS, due: own.length, ok: good.length }
    const middle = latencies[latencies.length >> 1]
    if (middle === undefined) return counts
    return { ...counts, p50Ms: hundredths(middle), maxMs: hundredths(latencies.at(-1) as number) }
  })
}

function latenessOf(within: readonly UserOperation[]): number {
  const lateness = within.map(({ lateMs }) => lateMs).sort((one, other) => one - other)
  return lateness[Math.max(0, Math.ceil(0.99 * lateness.length) - 1)] ?? 0
}

function hundredths(ms: number): number {
  return Math.round(ms * 100) / 100
}
