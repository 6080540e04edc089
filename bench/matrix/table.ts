/** The matrix in a terminal: one word a cell. */
import { aligned, COLUMNS_MAX } from '../harness/command/table.ts'
import { type Cell, type Matrix, type Outcome, outcomesOf } from './result.ts'

const WORDS: Readonly<Record<Outcome, string>> = {
  lost: 'LOST',
  doubled: 'twice',
  wrong: 'wrong',
  failed: 'failed',
  unknown: '?',
  kept: 'kept',
  impossible: '-',
}

export function matrixTable({ options, rows, cells }: Matrix): string {
  const lines = rows.map(({ name }) => [
    name,
    ...options.columns.map((column) => wordOf(cells.find((cell) => cell.row === name && cell.column === column))),
  ])
  return aligned([['', ...options.columns], ...lines], options.columns.length + 1, COLUMNS_MAX)
}

function wordOf(cell: Cell | undefined): string {
  if (cell === undefined) return ''
  const [worst = 'unknown', ...others] = outcomesOf(cell)
  return WORDS[worst] + (worst === 'lost' && others.includes('doubled') ? '+twice' : '')
}
