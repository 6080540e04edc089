import { stripVTControlCharacters } from 'node:util'

/**
 * A text in lines of at most so many columns, broken between words; all but the first begin with so many spaces. A longer word has a
 * line of its own. Colours take no columns.
 */
export function wrapped(text: string, columns: number, indent = 0): string[] {
  const lines: { text: string; columns: number }[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    const wordColumns = stripVTControlCharacters(word).length
    if (last === undefined) lines.push({ text: word, columns: wordColumns })
    else if (last.columns + 1 + wordColumns > columns)
      lines.push({ text: ' '.repeat(indent) + word, columns: indent + wordColumns })
    else lines[lines.length - 1] = { text: `${last.text} ${word}`, columns: last.columns + 1 + wordColumns }
  }
  return lines.map((line) => line.text)
}
