/** A table as the formatter writes it; the first row is its head. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const safe = rows.map((row) =>
    row.map((cell) => cell.replaceAll(/\s+/g, ' ').replaceAll(/[\\|<>`*_[\]]/g, String.raw`\$&`)),
  )
  const [heads = [], ...body] = safe
  const widths = heads.map((_, column) => Math.max(3, ...safe.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`
  return [line(heads), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}
