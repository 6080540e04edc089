/** A link as a QR code, which a phone's camera reads from the terminal. */
import { encode } from 'uqr'

/** Light cells around the code, without which cameras do not find it. */
const BORDER = 3
const MARGIN = '  '
/** Black on white whatever the terminal's colours are: many cameras read no inverted code. */
const BLACK_ON_WHITE = '\u001B[38;5;16;48;5;231m'
const RESET = '\u001B[0m'

/** Empty if the stream is no terminal, has no colours, or is too narrow. Two cells share a character, one above the other. */
export function qrCode(text: string, stream: NodeJS.WriteStream): string {
  const { data, size } = encode(text, { ecc: 'L', border: BORDER })
  const hasColours = stream.isTTY && stream.hasColors(256)
  if (!hasColours || stream.columns < size + MARGIN.length) return ''
  const lines: string[] = []
  for (let top = 0; top < size; top += 2) {
    const cells = Array.from({ length: size }, (_cell, column) => cellOf(data[top]?.[column], data[top + 1]?.[column]))
    lines.push(`${MARGIN}${BLACK_ON_WHITE}${cells.join('')}${RESET}\n`)
  }
  return `\n${lines.join('')}`
}

function cellOf(upper = false, lower = false): string {
  if (upper) return lower ? '█' : '▀'
  return lower ? '▄' : ' '
}
