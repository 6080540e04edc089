/**
 * Text that something else wrote, on its way to a terminal: a name in a trace, the answer of a target, the last words of a process.
 * A terminal obeys control characters, and some of them change what a person reads or what the keyboard sends. All such text comes
 * through here, once, where a line is put together.
 */

/** Control, format and separator characters, and halves of characters. Colours and cursor movements begin with one of them. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
const INVISIBLE_BUT_NEWLINE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** On one line, with an escape such as `\x1b` in the place of each character that can't be seen. */
export function visible(text: string): string {
  return text.replaceAll(INVISIBLE, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code <= 0xff ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`
  })
}

/** JSON that can be shown: the same value, in which all such characters are escapes. */
export function visibleJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(INVISIBLE_BUT_NEWLINE, (character) =>
    [...Array(character.length).keys()].map((index) => `\\u${hex(character.charCodeAt(index), 4)}`).join(''),
  )
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0')
}
