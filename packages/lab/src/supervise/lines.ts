import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

const LINE_LENGTH_MAX = 64 * 1024

/** Calls back with each line of a stream. A line longer than LINE_LENGTH_MAX is split. */
export function eachLine(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') onLine(line)
    if (rest.length > LINE_LENGTH_MAX) {
      onLine(rest)
      rest = ''
    }
  })
  stream.on('end', () => rest !== '' && onLine(rest))
  // A pipe whose writer was killed may end in an error; everything before it has been read.
  stream.on('error', () => undefined)
}
