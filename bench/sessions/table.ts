/** The result of the bench of the session layer, for a terminal. */
import { tableFooter } from '../harness/command/result-file.ts'
import { aligned, interval } from '../harness/command/table.ts'
import { differsFromItself, figureCells, OURS, OURS_AGAIN, ratioCells } from '../harness/command/subject-figures.ts'
import type { IdleSessions } from './idle-sessions.ts'
import type { AimFound } from './aims.ts'
import type { SessionFigures, SessionsResult } from './result.ts'

const TITLES = { read: 'Reading the session', write: 'Changing the session' } as const
const HEADINGS = ['CPU µs', '95 %', 'p50 µs', 'p99 µs', 'Redis', 'ninelives ÷ this', '']
const FIGURES = { cpuMicrosPerRequest: 'CPU', p50Micros: 'p50' } as const
/** From here on it is text. */
const RATIO_COLUMN = 6

export function sessionsTable(result: SessionsResult): string {
  const { subjects, aims, idleSessions } = result
  const tables = (['read', 'write'] as const).map((kind) => {
    const rows = subjects.map(({ name, title, [kind]: figures }) => [
      title,
      ...figureCells(figures),
      figures.roundTrips?.toFixed(1) ?? '–',
      ...(name === OURS ? [] : comparison(figures)),
    ])
    return aligned([[TITLES[kind], ...HEADINGS], ...rows], RATIO_COLUMN)
  })
  const again = subjects.find(({ name }) => name === OURS_AGAIN)
  return [
    ...tables,
    ...(aims.length > 0 ? [aimsTable(result)] : []),
    ...idle(idleSessions),
    '',
    'Redis: round trips of one request.',
    ...tableFooter(result, differsFromItself([again?.read, again?.write])),
  ].join('\n')
}

function aimsTable({ aims, subjects }: SessionsResult): string {
  const rows = aims.map((aim) => {
    const { stores, figure, ratio, is } = aimText(aim, subjects)
    return [stores, `${aim.kind}, ${figure}`, ratio, is]
  })
  return aligned([['One store by another', '', '', ''], ...rows], 1)
}

/** The parts of what is said of an aim. */
export function aimText(
  { subject, base, figure, ratio, ratioMax, is }: AimFound,
  subjects: SessionsResult['subjects'],
): Readonly<Record<'stores' | 'figure' | 'ratio' | 'is', string>> {
  const titleOf = (name: string): string => subjects.find((each) => each.name === name)?.title ?? name
  return {
    stores: `${titleOf(subject)} ÷ ${titleOf(base)}`,
    figure: FIGURES[figure],
    ratio: interval(ratio, 2),
    is: `at most ${ratioMax.toFixed(2)}: ${is}`,
  }
}

function comparison(figures: SessionFigures): string[] {
  const { goal } = figures
  const [times, found] = ratioCells(figures)
  const aim = goal === undefined ? '' : `at most ${goal.ratioMax.toFixed(2)}: ${goal.is}`
  return [times, [aim, found].filter(Boolean).join('; ')]
}

function idle({ sessions, jsonBytes, heapBytes, heapBytesWithUser }: IdleSessions): string[] {
  const line = (owner: string, bytes: number): string =>
    `  ${owner.padEnd(22)}${bytes.toFixed(0).padStart(5)} bytes: its JSON of ${jsonBytes.toFixed(0)}, and ${(bytes - jsonBytes).toFixed(0)}`
  return [
    `An idle session in the memory store, at ${sessions} sessions`,
    line('of a visitor', heapBytes),
    line('of a user of its own', heapBytesWithUser),
  ]
}
