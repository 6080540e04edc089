/** What a command tells its user. */
import { stripVTControlCharacters } from 'node:util'
import { wrapped } from './wrapped.ts'

/** What stands before the text of a line, below which the text goes on: a time of day, the left column of a table, or spaces. */
const BEFORE_TEXT = /^(?:\d\d:\d\d:\d\d +| *\S.{0,16}? {2,}(?=\S)| *)/
/** A command for a shell, which would take a line break for its end. */
const COMMAND = /^(?:[\w ]+: | *)(?:npx|npm|curl) /
/** With less room for the text than this, it goes on near the margin. */
const TEXT_COLUMNS_MIN = 24
const NEAR_MARGIN = 4

export function say(text: string): void {
  process.stdout.write(fitted(text, process.stdout.columns))
}

export function sayError(text: string): void {
  process.stderr.write(fitted(text, process.stderr.columns))
}

/** In lines of at most so many columns, broken between words. Without columns, or with none that are known (0), the text is as it is. */
export function fitted(text: string, columns: number | undefined): string {
  if (columns === undefined || columns === 0) return text
  return text
    .split('\n')
    .map((line) => (stripVTControlCharacters(line).length <= columns ? line : broken(line, columns)))
    .join('\n')
}

function broken(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line)
  const before = BEFORE_TEXT.exec(plain)?.[0].length ?? 0
  const indent = columns - before < TEXT_COLUMNS_MIN ? Math.min(before, NEAR_MARGIN) : before
  const goesOn = COMMAND.test(plain.slice(before)) ? ' \\' : ''
  return wrapped(line, columns - goesOn.length, indent).join(`${goesOn}\n`)
}
