import { styleText } from 'node:util'
import { visible } from './visible.ts'

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold'

/**
 * Colours for that stream: none if it is not a terminal or if NO_COLOR is set. Painting also escapes control characters, so a
 * text must not be painted twice.
 */
export function painter(stream: NodeJS.WriteStream): (colour: Colour | readonly Colour[], text: string) => string {
  return (colour, text) => styleText([colour].flat(), visible(text), { stream })
}

export type Paint = ReturnType<typeof painter>

/** The local time of day. */
export function clockTime(atMs: number): string {
  const date = new Date(atMs)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':')
}
