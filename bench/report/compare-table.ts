/** Two runs side by side, for a terminal. */
import type { BenchResult } from '../result.ts'
import { aligned } from '../harness/command/table.ts'
import { compareRuns } from './compare.ts'
import { FINDING_SIGNS, outOf, rounded, times } from './drawing/figures.ts'

const TEXT_FROM = 5

export const DRIFT =
  'The runs were at different times: the machine’s drift between them is in every ratio. Measure in one run what you want to prove.'

export function compareTable(base: BenchResult, other: BenchResult): string {
  const { rows, losses, unpaired, cautions } = compareRuns(base, other)
  if (losses.length === 0) return 'The runs have no strategy in the same scenario in common.\n'
  const figures = rows.map(({ title, scenario, figure, unit, base: one, other: two, ratio, finding }) => [
    `${title} · ${scenario}`,
    unit === '' ? figure : `${figure} ${unit}`,
    rounded(one),
    rounded(two),
    times(ratio),
    FINDING_SIGNS[finding],
  ])
  const lost = losses.map(({ title, scenario, base: one, other: two }) => [
    `${title} · ${scenario}`,
    outOf(one.sessions.lost, one.sessions.exposed),
    outOf(two.sessions.lost, two.sessions.exposed),
    outOf(one.writes.lost, one.writes.acknowledged),
    outOf(two.writes.lost, two.writes.acknowledged),
  ])
  return [
    aligned([['', 'figure', 'base', 'other', 'other ÷ base', ''], ...figures], TEXT_FROM),
    aligned([['', 'sessions lost, base', 'other', 'writes lost, base', 'other'], ...lost], TEXT_FROM),
    ...unpaired.map((name) => `Only in one of the runs: ${name}`),
    ...cautions,
    DRIFT,
    '',
  ].join('\n')
}
