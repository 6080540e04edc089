/**
 * Escapes text of foreign origin before it is shown in a terminal: names in a trace, answers of a target, last lines of a process.
 * A terminal obeys control characters, and some change what the user reads or what the keyboard sends. All such text passes
 * here once, where a line is composed.
 */

/** Control, format and separator characters, and lone surrogates. Every escape sequence begins with one of them. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
const INVISIBLE_BUT_NEWLINE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** One line, in which each invisible character is replaced by an escape such as `\x1b`. */
export function visible(text: string): string {
  return text.replaceAll(INVISIBLE, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code <= 0xff ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`
  })
}

/** The same JSON value, with all such characters escaped. */
export function visibleJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(INVISIBLE_BUT_NEWLINE, (character) =>
    [...Array(character.length).keys()].map((index) => `\\u${hex(character.charCodeAt(index), 4)}`).join(''),
  )
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0')
}
