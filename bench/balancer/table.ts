/** The result of the bench of the balancer, for a terminal. */
import { tableFooter } from '../harness/command/result-file.ts'
import { aligned, interval } from '../harness/command/table.ts'
import { differsFromItself, figureCells, OURS, OURS_AGAIN, ratioCells } from '../harness/command/subject-figures.ts'
import type { BalancerResult, GoalResult } from './result.ts'
import { CPU_KINDS } from './subjects.ts'

const TITLES = { get: 'GET', post: 'POST, 42 bytes', shop: 'GET /api/cart of the shop' } as const
const HEADINGS = ['CPU µs', '95 %', 'p50 µs', 'p99 µs', 'ninelives ÷ this', '']
/** From here on it is text. */
const RATIO_COLUMN = 5

export function balancerTable(result: BalancerResult): string {
  const { subjects, workers, goals, missing, options } = result
  const tables = CPU_KINDS.map((kind) => {
    const rows = subjects.map((subject) => [
      subject.title,
      ...figureCells(subject[kind]),
      ...(subject.name === OURS ? [] : ratioCells(subject[kind])),
    ])
    return aligned([[TITLES[kind], ...HEADINGS], ...rows], RATIO_COLUMN)
  })
  const added = subjects.map(({ title, addedP50Micros, addedP99Micros }) => [
    title,
    interval(addedP50Micros, 0),
    interval(addedP99Micros, 0),
  ])
  const again = subjects.find(({ name }) => name === OURS_AGAIN)
  return [
    ...tables,
    aligned(
      [[`Added at ${String(options['pacePerSecond'])} requests a second`, 'p50 µs', 'p99 µs'], ...added],
      RATIO_COLUMN,
    ),
    aligned(
      [
        ['Workers, on two cores', 'busiest core, CPU µs'],
        ...workers.map((row) => [row.name, interval(row.coreMicrosPerRequest, 0)]),
      ],
      2,
    ),
    aligned([['Goals'], ...goals.map(goal)], 1),
    ...Object.entries(missing).map(([name, hint]) => `${name} is not on this machine. ${hint}`),
    ...tableFooter(result, differsFromItself([again?.get, again?.post, again?.shop])),
  ].join('\n')
}

function goal({ what, found, max, is }: GoalResult): string[] {
  const digits = max > 100 ? 0 : 2
  return [`  ${what}`, interval(found, digits), `at most ${max.toFixed(digits)}: ${is}`]
}
