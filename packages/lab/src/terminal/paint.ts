import { styleText } from 'node:util'

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold'

/** Colours for that stream: none where it is no terminal, or where NO_COLOR asks for none. */
export function painter(stream: NodeJS.WriteStream): (colour: Colour, text: string) => string {
  return (colour, text) => styleText(colour, text, { stream })
}

export type Paint = ReturnType<typeof painter>

/** The time of day, as a clock on the wall shows it. */
export function clockTime(atMs: number): string {
  const date = new Date(atMs)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':')
}

/** What a stranger wrote, such as the name of a thing: the terminal is ours. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\u{FFFD}')
}
