import {
  type Anomaly,
  count,
  type Crash,
  type Exposure,
  figure,
  type FloorFigures,
  INTERLEAVINGS,
  type Interleaving,
  type LatencyFigures,
  type OperationEnded,
  type OperationSent,
  type RunStarted,
  type ServiceFigures,
  type TraceEvent,
  type Verdict,
} from '@ninelives/history'
import type { Paint } from './paint.ts'
import { visible } from './visible.ts'

const colours = { valid: 'green', invalid: 'red', unknown: 'yellow' } as const

/** What is printed about a run besides its verdict. */
export interface Frame {
  /** The events other than operations. */
  readonly events: TraceEvent[]
  /** How many operations were not ok, by reason. */
  readonly whys: Readonly<Record<'failed' | 'unknown', Map<string, number>>>
}

const WHYS_MAX = 3

/** The result of a run, as a table. */
export function verdictTable(verdict: Verdict, { events, whys }: Frame, paint: Paint): string {
  const { operations, sessions, writes, floor, faults, anomalies, doubts, exposures, interleavings, service, latency } =
    verdict
  const [start] = events
  const rate = rateIn(events)
  const landed = `${faults.landed} of ${faults.landed + faults.missed} landed${kindsOf(events)}`
  const rows: [string, string][] = [
    ...(start?.type === 'run-started' ? [['Run', runText(start)] as [string, string]] : []),
    ...(rate === undefined ? [] : [['Load', `${count(rate, 'operation')} a second`] as [string, string]]),
    ['Faults', landed],
    ...exposureRows(exposures),
    ...interleavingRows(interleavings),
    ['Operations', operationsText(operations, whys)],
    ['Sessions', `${figure(sessions.begun)} begun, ${figure(sessions.lost)} lost`],
    ['Writes', `${figure(writes.acknowledged)} acknowledged, ${figure(writes.lost)} lost`],
    ...(floor === undefined ? [] : floorRows(floor)),
    ...anomalies.map(({ kind, times }): [string, string] => [
      'Anomaly',
      `${paint('red', kind)}, ${count(times, 'time')}`,
    ]),
    ...doubts.map((doubt): [string, string] => ['In doubt', visible(doubt)]),
    ['Verdict', paint(['bold', colours[verdict.verdict]], verdict.verdict)],
    ...(service === undefined || faults.landed === 0 ? [] : [['Service', serviceText(service)] as [string, string]]),
    ['Latency', latencyText(latency)],
    ...latency.doubts.map((doubt): [string, string] => ['', paint('yellow', `not reliable: ${doubt}`)]),
  ]
  return rows.map(([left, right]) => `  ${left.padEnd(12)}${right}\n`).join('')
}

/** The users' last rate; undefined if the trace does not say. */
export function rateIn(events: readonly TraceEvent[]): number | undefined {
  const paced = events.findLast((event) => event.type === 'users-paced' || event.type === 'run-started')
  return paced?.rate
}

/** The minimum and maximum of each figure over all faults. */
function exposureRows(exposures: readonly Exposure[]): [string, string][] {
  if (exposures.length === 0) return []
  const range = (pick: (exposure: Exposure) => number): string => {
    const figures = exposures.map(pick)
    const [least, most] = [Math.min(...figures), Math.max(...figures)]
    return least === most ? figure(least) : `${figure(least)} to ${figure(most)}`
  }
  const total = (pick: (exposure: Exposure) => number): number => exposures.reduce((sum, each) => sum + pick(each), 0)
  const share =
    total(({ returned }) => returned) /
    Math.max(
      1,
      total(({ sessions }) => sessions),
    )
  return [
    [
      'Exposed',
      `to each fault ${range(({ sessions }) => sessions)} sessions with ${range(({ writes }) => writes)} acknowledged writes;`,
    ],
    [
      '',
      `${range(({ users }) => users)} users within a second of it, ${range(({ inFlight }) => inFlight)} operations in flight; ` +
        `${Math.floor(100 * share)} % of the sessions were used again`,
    ],
  ]
}

/** How often each occurred, the ones that did first. */
function interleavingRows(all: readonly Interleaving[]): [string, string][] {
  const there = all.filter(({ times }) => times > 0)
  if (there.length === 0) return []
  const absent = all.filter(({ times }) => times === 0).map(({ name }) => name)
  return [
    ...there.map(({ name, times }, index): [string, string] => [
      index === 0 ? 'Exercised' : '',
      `${figure(times).padStart(5)} x  ${INTERLEAVINGS[name]}`,
    ]),
    ...(absent.length === 0 ? [] : [['', `never: ${absent.join(', ')} (--require NAME)`] as [string, string]]),
  ]
}

function floorRows({ moves, sentAgain, closed }: FloorFigures): [string, string][] {
  const { acknowledged, lost, doubled } = moves
  const text = `${figure(acknowledged)} acknowledged, ${figure(lost)} lost, ${figure(doubled)} done twice; ${figure(sentAgain)} sent again over another socket`
  const sockets = `${count(closed.sockets, 'socket')} closed after the logout, within ${ms(closed.slowestMs)} at most`
  const untimed =
    closed.untimed === 0
      ? []
      : [['', `${figure(closed.untimed)} of them in time or later: the users' process was late`] as [string, string]]
  return [['Moves', text], ...(closed.sockets === 0 ? [] : [['', sockets] as [string, string], ...untimed])]
}

function serviceText({ outMs, refused, unclear, failed, fullAfterMs }: ServiceFigures): string {
  const out =
    outMs === 0
      ? 'enough was up to serve all the time'
      : `too little was up to serve for ${(outMs / 1_000).toFixed(1)} s: ${figure(refused)} refused, ${figure(unclear)} without an answer`
  const after = fullAfterMs === 0 ? 'all was served' : `the last failed ${ms(fullAfterMs)}`
  return `${out}; ${figure(failed)} failed at other times; ${after} after everything was back`
}

function latencyText({ operations, p50Ms, p99Ms, longestMs }: LatencyFigures): string {
  if (operations === 0) return 'no operation ended'
  return `p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}, the longest ${ms(longestMs)}, from when each was due`
}

function ms(value: number): string {
  return `${value < 100 ? value.toFixed(1) : figure(Math.round(value))} ms`
}

function operationsText({ ok, failed, unknown }: Verdict['operations'], whys: Frame['whys']): string {
  return `${figure(ok)} ok, ${figure(failed)} failed${reasons(whys.failed)}, ${figure(unknown)} unknown${reasons(whys.unknown)}`
}

/** The most frequent reasons. */
function reasons(whys: ReadonlyMap<string, number>): string {
  const all = [...whys].toSorted(([, a], [, b]) => b - a)
  const shown = all
    .slice(0, WHYS_MAX)
    .map(([why, times]) => (all.length === 1 ? visible(why) : `${figure(times)} ${visible(why)}`))
  return all.length === 0 ? '' : ` (${shown.join(', ')}${all.length > WHYS_MAX ? ', ...' : ''})`
}

/** Leaves out what the trace does not say; the nodes of a target may be unknown. */
export function runText({ strategy, nodes, users, seed }: Partial<RunStarted>): string {
  const parts = [
    strategy?.name === undefined ? undefined : visible(strategy.name),
    nodes === undefined || nodes.length === 0 ? undefined : count(nodes.length, 'node'),
    users === undefined ? undefined : count(users, 'user'),
    seed === undefined ? undefined : `seed ${seed}`,
  ]
  return parts.filter((part) => part !== undefined).join(', ')
}

function kindsOf(events: readonly TraceEvent[]): string {
  const kinds = new Map<string, number>()
  for (const event of events) {
    if (event.type === 'fault-injected') kinds.set(event.kind, (kinds.get(event.kind) ?? 0) + 1)
  }
  return kinds.size === 0 ? '' : `: ${[...kinds].map(([kind, times]) => `${times} ${visible(kind)}`).join(', ')}`
}

/** One anomaly as a story: the operations that prove it, among the faults of that time. */
export function verdictStory(
  { kind, worst }: Anomaly,
  evidence: readonly TraceEvent[],
  events: readonly TraceEvent[],
  paint: Paint,
): string {
  const operations = evidence.flatMap((event) => (event.type === 'operation-sent' ? [event] : []))
  const ends = new Map(
    evidence.flatMap((event) => (event.type === 'operation-ended' ? [[event.op, event] as const] : [])),
  )
  const fromMs = Math.min(...operations.map(({ sentAtMs }) => sentAtMs))
  const untilMs = Math.max(...[...ends.values()].map(({ endedAtMs }) => endedAtMs))
  const lines = [
    ...operations.map((sent) => ({ atMs: sent.sentAtMs, text: visible(operationText(sent, ends.get(sent.op))) })),
    ...faultLines(events, fromMs, untilMs).map(({ atMs, text }) => ({ atMs, text: paint('yellow', text) })),
  ].toSorted((a, b) => a.atMs - b.atMs)
  const rows = lines.map(
    ({ atMs, text }) => `  ${paint('dim', `${(atMs / 1_000).toFixed(3).padStart(9)} s`)}  ${text}\n`,
  )
  return `  ${paint('red', kind)}: ${visible(worst.text)}\n\n${rows.join('')}`
}

/** Where in the program a checker failed. */
export function crashText({ checker, stack }: Crash, paint: Paint): string {
  const lines = stack.split('\n').map((line) => `  ${visible(line)}\n`)
  return `  ${paint('yellow', checker)} failed:\n\n${lines.join('')}`
}

function faultLines(events: readonly TraceEvent[], fromMs: number, untilMs: number): { atMs: number; text: string }[] {
  const names = new Map<string, string>()
  return events.flatMap((event) => {
    if (event.type === 'fault-injected') names.set(event.fault, `${event.kind} of ${event.target}`)
    if (event.type !== 'fault-confirmed' || event.atMs < fromMs || event.atMs > untilMs) return []
    return [{ atMs: event.atMs, text: `${names.get(event.fault)} (fault ${event.fault})` }]
  })
}

export function operationText(sent: OperationSent, ended: OperationEnded | undefined): string {
  const { op, user, tab, kind, sku, node } = sent
  const about = [sku, node === undefined ? undefined : `node ${node}`].filter((part) => part !== undefined)
  return `op ${op}  ${user}, tab ${tab}: ${[kind, ...about].join(' ')}  ${endText(sent, ended)}`
}

function endText({ kind }: OperationSent, ended: OperationEnded | undefined): string {
  if (ended === undefined) return '-> no end was seen'
  const { outcome, why, node, as, items, count: number } = ended
  const by = node === undefined ? '' : ` by ${node}`
  if (outcome !== 'ok') return `-> ${outcome}${by}: ${why}`
  const turnedAway = (kind === 'return' || kind === 'forge') && as === undefined
  const shown = [
    ...(turnedAway ? ['turned away'] : []),
    ...(as === undefined ? [] : [`as ${as}`]),
    ...(items === undefined
      ? []
      : [`cart [${items.map(([sku, times]) => (times === 1 ? sku : `${times} x ${sku}`)).join(', ')}]`]),
    ...(number === undefined ? [] : [`count ${number}`]),
  ]
  return `-> ok${by}${shown.length === 0 ? '' : `, ${shown.join(', ')}`}`
}
