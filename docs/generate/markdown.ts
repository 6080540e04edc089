/** Small parts of Markdown that the pages are made of. */

export const NOTICE = '<!-- Made by `npm run docs:reference` from the source. What is changed here is lost. -->'

export function page(title: string, ...parts: readonly string[]): string {
  return `${[NOTICE, `# ${title}`, ...parts].join('\n\n').trimEnd()}\n`
}

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(heads), line(heads.map(() => '---')), ...rows.map((row) => line(row))].join('\n')
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => inCell(cell)).join(' | ')} |`
}

/** A span of code, also of a text with a back-tick. */
export function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``
}

function inCell(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll('|', String.raw`\|`)
}
