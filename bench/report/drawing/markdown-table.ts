/** Letters of Korean, Chinese and Japanese, which take two columns. */
const WIDE = /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFF00-\uFF60]/gu

/** A table as the formatter writes it; the first row is its head. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const safe = rows.map((row) =>
    row.map((cell) => cell.replaceAll(/\s+/g, ' ').replaceAll(/[\\|<>`*_[\]]/g, String.raw`\$&`)),
  )
  const [heads = [], ...body] = safe
  const widths = heads.map((_, column) => Math.max(3, ...safe.map((row) => columnsOf(row[column] ?? ''))))
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => padded(row[column] ?? '', width)).join(' | ')} |`
  return [line(heads), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

function columnsOf(text: string): number {
  return text.length + (text.match(WIDE)?.length ?? 0)
}

function padded(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)))
}
