/** The result of the bench of the session layer, for a terminal. */
import { tableFooter } from '../harness/command/result-file.ts'
import { aligned } from '../harness/command/table.ts'
import { differsFromItself, figureCells, OURS, OURS_AGAIN, ratioCells } from '../harness/command/subject-figures.ts'
import type { IdleSessions } from './idle-sessions.ts'
import type { SessionFigures, SessionsResult } from './result.ts'

const TITLES = { read: 'Reading the session', write: 'Changing the session' } as const
const HEADINGS = ['CPU µs', '95 %', 'p50 µs', 'p99 µs', 'Redis', 'ninelives ÷ this', '']
/** From here on it is text. */
const RATIO_COLUMN = 6

export function sessionsTable(result: SessionsResult): string {
  const { subjects, idleSessions } = result
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
    ...idle(idleSessions),
    '',
    'Redis: round trips of one request.',
    ...tableFooter(result, differsFromItself([again?.read, again?.write])),
  ].join('\n')
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
