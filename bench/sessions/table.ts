/** The result of the bench of the session layer, for a terminal. */
import type { IdleSessions } from './idle-sessions.ts'
import type { RequestKind } from './load.ts'
import { differsFromItself, type Figures, type SessionsResult, type SubjectResult } from './result.ts'
import { OURS } from './subjects.ts'
import { aligned, interval } from '../harness/command/table.ts'

const TITLES: Readonly<Record<RequestKind, string>> = {
  read: 'Reading the session',
  write: 'Changing the session',
}
const HEADINGS = ['CPU µs', '95 %', 'p50 µs', 'p99 µs', 'Redis', 'ninelives ÷ this', '']
/** From here on it is text. */
const RATIO_COLUMN = 6

export function sessionsTable(result: SessionsResult): string {
  const { subjects, environment, seed, options } = result
  const { processor, cores, node, redis, loadBefore, busy } = environment
  return [
    table('read', subjects),
    table('write', subjects),
    ...idle(result.idleSessions),
    '',
    `${String(options['blocks'])} blocks of ${String(options['requests'])} requests, seed ${seed}; ` +
      `Node ${node.slice(1)}, Redis ${redis ?? '–'}, ${cores} × ${processor}`,
    'Redis: round trips of one request. ÷: ratio of CPU times within blocks, with its 95 % interval.',
    ...(busy ? [`NOT TO BE QUOTED: the machine was busy when this began (load ${loadBefore.toFixed(2)}).`] : []),
    ...(differsFromItself(result)
      ? ['NOT TO BE QUOTED: ninelives differs from itself (A/A), so other differences may be none either.']
      : []),
  ].join('\n')
}

/** The title of the table stands over the subjects' names. */
function table(kind: RequestKind, subjects: readonly SubjectResult[]): string {
  return aligned(
    [[TITLES[kind], ...HEADINGS], ...subjects.map((subject) => cells(subject, subject[kind]))],
    RATIO_COLUMN,
  )
}

function cells({ name, title }: SubjectResult, figures: Figures): string[] {
  const { cpuMicrosPerRequest: cpu, p50Micros, p99Micros, roundTrips, cpuRatio } = figures
  return [
    title,
    cpu.median.toFixed(0),
    `${cpu.low.toFixed(0)}–${cpu.high.toFixed(0)}`,
    p50Micros.median.toFixed(0),
    p99Micros.median.toFixed(0),
    roundTrips?.toFixed(1) ?? '–',
    ...(name === OURS ? ['', ''] : [interval(cpuRatio, 2), verdict(figures)]),
  ]
}

function verdict({ cpuRatio, goal }: Figures): string {
  const { finding } = cpuRatio
  const found = finding === 'less' || finding === 'more' ? '' : finding
  const aim = goal === undefined ? '' : `at most ${goal.ratioMax.toFixed(2)}: ${goal.is}`
  return [aim, found].filter((part) => part !== '').join('; ')
}

function idle({ sessions, jsonBytes, heapBytes, heapBytesWithUser }: IdleSessions): string[] {
  const line = (who: string, bytes: number): string =>
    `  ${who.padEnd(22)}${bytes.toFixed(0).padStart(5)} bytes: its JSON of ${jsonBytes.toFixed(0)}, and ${(bytes - jsonBytes).toFixed(0)}`
  return [
    `An idle session in the memory store, at ${sessions} sessions`,
    line('of a visitor', heapBytes),
    line('of a user of its own', heapBytesWithUser),
  ]
}
