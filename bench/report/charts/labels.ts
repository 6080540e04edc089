/** Names beside a chart, in lines that are short enough for the margin. */
const LINE_LENGTH = 22

export function wrapped(title: string): string {
  const lines: string[] = []
  for (const word of title.split(/\s+/)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < LINE_LENGTH) lines.splice(-1, 1, `${last} ${word}`)
    else lines.push(word)
  }
  return lines.map((line) => (line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH - 1)}…` : line)).join('\n')
}
