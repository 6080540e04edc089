import { styleText } from 'node:util'
import { visible } from './visible.ts'

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold'

/**
 * Colours for that stream: none where it is no terminal, or where NO_COLOR asks for none. What is painted is made visible, so
 * nothing is to be painted twice.
 */
export function painter(stream: NodeJS.WriteStream): (colour: Colour | readonly Colour[], text: string) => string {
  return (colour, text) => styleText([colour].flat(), visible(text), { stream })
}

export type Paint = ReturnType<typeof painter>

/** The time of day, as a clock on the wall shows it. */
export function clockTime(atMs: number): string {
  const date = new Date(atMs)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':')
}
