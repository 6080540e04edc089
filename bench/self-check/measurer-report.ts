/** The harness's report on a run, each figure beside the injected one. */
import { type EventBody, type OperationSent, Judge, TRACE_SCHEMA, type Verdict } from '@ninelives/history'
import type { OperationEvent } from '@ninelives/lab'
import { calm, isIn, type Plan } from './measurer-plan.ts'
import type { Harm } from './measurer-stub.ts'

export interface Line {
  readonly what: string
  readonly injected: number
  readonly reported: number
  readonly unit: 'ms' | ''
}

interface Operation {
  /** One after the other in each tab. */
  readonly tab: string
  readonly dueAtMs: number
  readonly endedAtMs: number
  readonly isGood: boolean
}

export function reportOf(events: readonly OperationEvent[], plan: Plan, harm: Harm): readonly Line[] {
  const operations = operationsIn(events)
  const latencies = (stretch: Parameters<typeof isIn>[0]): number[] =>
    operations.filter(({ dueAtMs }) => isIn(stretch, dueAtMs)).map(({ dueAtMs, endedAtMs }) => endedAtMs - dueAtMs)
  const { stall, outage } = plan
  const waited = expectedMs(operations, plan)
  const { writes, sessions, anomalies } = verdictOn(events)
  const doubled = anomalies.find(({ kind }) => kind === 'duplicate')?.times ?? 0
  const line = (what: string, injected: number, reported: number, unit: Line['unit'] = ''): Line => ({
    what,
    injected,
    reported,
    unit,
  })
  return [
    line('latency, p50', percentile(harm.heldMs, 50), percentile(latencies(calm(plan)), 50), 'ms'),
    line('latency, p99', percentile(harm.heldMs, 99), percentile(latencies(calm(plan)), 99), 'ms'),
    line('latency in a stall, p50', percentile(waited, 50), percentile(latencies(stall), 50), 'ms'),
    line('latency in a stall, p99', percentile(waited, 99), percentile(latencies(stall), 99), 'ms'),
    line('stall', stall.forMs, longestSilenceMs(operations, stall), 'ms'),
    line('outage', outage.forMs, longestSilenceMs(operations, outage), 'ms'),
    line('writes lost', harm.writesLost, writes.lost),
    line('writes doubled', harm.writesDoubled, doubled),
    line('sessions lost', harm.sessionsLost, sessions.lost),
  ]
}

/** The generator's own lateness at p99. */
export function lateMs(events: readonly OperationEvent[]): number {
  const late = events.flatMap((event) => (event.type === 'operation-sent' ? [event.lateMs] : []))
  return percentile(late, 99)
}

function verdictOn(operations: readonly OperationEvent[]): Verdict {
  const judge = new Judge()
  const events: EventBody[] = [START, ...operations, { type: 'run-ended', reason: 'measured' }]
  for (const [seq, event] of events.entries()) judge.take({ seq, atMs: 0, ...event })
  return judge.verdict()
}

function operationsIn(events: readonly OperationEvent[]): readonly Operation[] {
  const sent = new Map<number, OperationSent>()
  return events.flatMap((event) => {
    if (event.type === 'operation-sent') sent.set(event.op, event)
    const { user, tab, dueAtMs } = sent.get(event.op) ?? {}
    if (event.type === 'operation-sent' || dueAtMs === undefined) return []
    return [{ tab: `${user} ${tab}`, dueAtMs, endedAtMs: event.endedAtMs, isGood: event.outcome === 'ok' }]
  })
}

/**
 * The expected latencies of operations that were due in the stall, from their due times alone: an operation sent in the stall is answered
 * at its end, and later ones of the same tab are sent then.
 */
function expectedMs(operations: readonly Operation[], { stall, holdMs }: Plan): readonly number[] {
  const untilMs = stall.atMs + stall.forMs
  const freeAtMs = new Map<string, number>()
  return operations
    .filter(({ dueAtMs }) => isIn(stall, dueAtMs))
    .toSorted((a, b) => a.dueAtMs - b.dueAtMs)
    .map(({ tab, dueAtMs }) => {
      const sentAtMs = Math.max(dueAtMs, freeAtMs.get(tab) ?? dueAtMs)
      const endsAtMs = Math.max(untilMs, sentAtMs + holdMs)
      freeAtMs.set(tab, endsAtMs)
      return endsAtMs - dueAtMs
    })
}

/** The longest time without a good answer that overlaps the stretch. */
function longestSilenceMs(operations: readonly Operation[], { atMs, forMs }: Plan['stall']): number {
  const good = operations.filter(({ isGood }) => isGood).map(({ endedAtMs }) => endedAtMs)
  const ends = good.toSorted((a, b) => a - b)
  const silences = ends.map((endMs, index) => ({ fromMs: ends[index - 1] ?? endMs, toMs: endMs }))
  const touching = silences.filter(({ fromMs, toMs }) => fromMs < atMs + forMs && toMs > atMs)
  return Math.max(0, ...touching.map(({ fromMs, toMs }) => toMs - fromMs))
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN
}

const START: EventBody = {
  type: 'run-started',
  schema: TRACE_SCHEMA,
  run: 'measure-the-measurer',
  startedAtMs: 0,
  seed: 0,
  strategy: { name: 'stub', routing: '', summary: '', onNodeDeath: '' },
  store: '',
  balancerUrl: '',
  nodes: [],
  users: 0,
  rate: 0,
}
