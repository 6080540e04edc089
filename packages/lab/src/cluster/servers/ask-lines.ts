import { connect } from 'node:net'
import { LOOPBACK } from '../../supervise/ports.ts'

const ASK_TIMEOUT_MS = 1_000

/**
 * The raw reply to lines of a text protocol; empty without a reply. Done without a client library, as loading one takes longer
 * than such a server takes to start.
 */
export function askLines(port: number, lines: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port })
    let answer = ''
    const done = (): void => {
      socket.destroy()
      resolve(answer.trimEnd())
    }
    socket.setEncoding('utf8').setTimeout(ASK_TIMEOUT_MS, done)
    socket.on('connect', () => socket.end(lines.map((line) => `${line}\r\n`).join('')))
    socket.on('data', (text: string) => (answer += text))
    socket.on('error', done)
    socket.on('end', done)
  })
}
