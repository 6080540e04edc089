/** Rows of text for a terminal: the first column to the left, figures to the right. */
import type { Estimate } from '../statistics.ts'

/** Of a terminal. */
export const COLUMNS_MAX = 100
const BETWEEN = '  '

/** From column `textFrom` on it is text again. A table that is wider than `widthMax` goes on below, each part with the first column. */
export function aligned(
  rows: readonly (readonly string[])[],
  textFrom: number,
  widthMax = Number.POSITIVE_INFINITY,
): string {
  const widthOf = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  const cell = (row: readonly string[], column: number): string => {
    const text = row[column] ?? ''
    return column === 0 || column >= textFrom ? text.padEnd(widthOf(column)) : text.padStart(widthOf(column))
  }
  const parts: number[][] = [[0]]
  let width = widthOf(0)
  for (let column = 1; column < Math.max(...rows.map((row) => row.length)); column++) {
    const more = BETWEEN.length + widthOf(column)
    const isFull = width + more > widthMax && (parts.at(-1)?.length ?? 0) > 1
    if (isFull) parts.push([0])
    width = (isFull ? widthOf(0) : width) + more
    parts.at(-1)?.push(column)
  }
  const lineOf = (row: readonly string[], columns: readonly number[]): string =>
    `${columns
      .map((column) => cell(row, column))
      .join(BETWEEN)
      .trimEnd()}\n`
  return parts.map((columns) => rows.map((row) => lineOf(row, columns)).join('')).join('\n')
}

export function interval({ median, low, high }: Estimate, digits: number): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`
}
