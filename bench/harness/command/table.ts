/** Rows of text for a terminal: the first column to the left, figures to the right. */
import type { Estimate } from '../statistics.ts'

/** From column `textFrom` on it is text again. */
export function aligned(rows: readonly (readonly string[])[], textFrom: number): string {
  const widthOf = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  const cell = (text: string, column: number): string =>
    column === 0 || column >= textFrom ? text.padEnd(widthOf(column)) : text.padStart(widthOf(column))
  return rows.map((row) => `${row.map(cell).join('  ').trimEnd()}\n`).join('')
}

export function interval({ median, low, high }: Estimate, digits: number): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`
}
