/**
 * Messages between a lab and a node that it did not start, over TCP. Each side begins with a line that is a nonce of its own. Every
 * line after that is a message's MAC and the message, as JSON:
 *
 *     HMAC-SHA256(secret, direction, node's nonce, lab's nonce, body) in hex, a space, {"count", "atMs", "message"}
 *
 * The nonces make a line valid on this connection only, the count makes it valid once and in its place, and the time bounds how long
 * it can be held back. A line that is none of this ends the connection. Lines are not encrypted: they contain no secret.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'

export type LabMessage = Readonly<Record<string, unknown>>

export interface SignedLinesOptions {
  readonly side: 'lab' | 'node'
  readonly secret: string
  /** The first genuine line of the other side has come, so it has the secret. */
  readonly onProven: () => void
  readonly onMessage: (message: LabMessage) => void
}

export interface SignedLines {
  /** Sends nothing before the other side's nonce has come; then what was waiting goes first. */
  readonly send: (message: LabMessage, sent?: () => void) => void
}

const NONCE_BYTES = 32
const NONCE = /^[\da-f]{64}$/
const LINE = /^([\da-f]{64}) (.+)$/
const LINE_LENGTH_MAX = 64 * 1024
/** Of the nonce and the first genuine line. */
const PROVEN_WITHIN_MS = 5_000
/** Between the clocks of two machines, and for a line's way. */
const AGE_MAX_MS = 30_000
/** A fault of this process may shift Date.now later. */
const wallClock = Date.now.bind(Date)

/** Ends the socket at the first line that is not genuine. */
export function signedLines(
  socket: Socket,
  { side, secret, onProven, onMessage }: SignedLinesOptions,
  nowMs: () => number = wallClock,
): SignedLines {
  const own = randomBytes(NONCE_BYTES).toString('hex')
  const waiting: (() => void)[] = []
  let other: string | undefined
  let sentCount = 0
  let takenCount = 0
  let rest = ''
  const late = setTimeout(() => socket.destroy(), PROVEN_WITHIN_MS)

  const macOf = (from: 'lab' | 'node', body: string): string => {
    const nonces = side === 'node' ? [own, other] : [other, own]
    return createHmac('sha256', secret)
      .update([from, ...nonces, body].join('\n'))
      .digest('hex')
  }

  const write = (message: LabMessage, sent?: () => void): void => {
    const body = JSON.stringify({ count: ++sentCount, atMs: nowMs(), message })
    socket.write(`${macOf(side, body)} ${body}\n`, sent)
  }

  /** Whether the line is genuine. */
  const take = (line: string): boolean => {
    if (other === undefined) {
      // A nonce that comes back would make this side's own lines valid.
      if (!NONCE.test(line) || line === own) return false
      other = line
      for (const each of waiting.splice(0)) each()
      return true
    }
    const [, mac = '', body = ''] = LINE.exec(line) ?? []
    const right = macOf(side === 'node' ? 'lab' : 'node', body)
    if (!timingSafeEqual(Buffer.from(mac.padEnd(right.length)), Buffer.from(right))) return false
    const { count, atMs, message } = JSON.parse(body) as { count: number; atMs: number; message: LabMessage }
    if (count !== takenCount + 1 || Math.abs(nowMs() - atMs) > AGE_MAX_MS) return false
    takenCount = count
    if (count === 1) {
      clearTimeout(late)
      onProven()
    }
    onMessage(message)
    return true
  }

  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    rest += text
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
      const line = rest.slice(0, end)
      rest = rest.slice(end + 1)
      if (!take(line)) return void socket.destroy()
    }
    if (rest.length > LINE_LENGTH_MAX) socket.destroy()
  })
  socket.on('close', () => clearTimeout(late))
  socket.write(`${own}\n`)

  return {
    send(message, sent) {
      if (other === undefined) waiting.push(() => write(message, sent))
      else write(message, sent)
    },
  }
}
