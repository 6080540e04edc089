/**
 * A connection on which an upstream is asked for its ready path, several times in a row if it keeps the connection. It reads the answer itself:
 * Node's HTTP client takes several times the CPU time, which is most of what an idle balancer uses.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { CONNECTED_TO_ITSELF, isSelfConnected, REFUSED } from './refusal.ts'

export interface ProbeAnswer {
  readonly status: number
  /** By names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  /** Whether the connection can be asked again. */
  readonly isKept: boolean
}

export interface ProbeFailure {
  readonly reason: string
  readonly isRefused: boolean
  /** Whether a part of an answer came. */
  readonly isHeard: boolean
}

type Settle = (result: ProbeAnswer | ProbeFailure) => void

const ANSWER_LENGTH_MAX = 64 * 1024

/** A request for `path`. */
export function questionTo(hostname: string, port: number, path: string): string {
  const authority = `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`
  return `GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nAccept: application/json\r\n\r\n`
}

export class ProbeConnection {
  readonly #socket: Socket
  readonly #question: string
  #received = ''
  #settle: Settle | undefined

  constructor(host: string, port: number, path: string) {
    this.#question = questionTo(host, port, path)
    const socket = connect({ host, port, noDelay: true })
    this.#socket = socket
    socket.on('connect', () => {
      if (isSelfConnected(socket)) this.#fail(CONNECTED_TO_ITSELF, true)
    })
    socket.on('data', (bytes) => this.#receive(bytes.toString('latin1')))
    socket.on('end', () => this.#onEnd())
    socket.on('error', ({ code, message }: NodeJS.ErrnoException) => this.#fail(code ?? message, code === REFUSED))
    socket.on('close', () => this.#fail('closed without an answer', false))
  }

  /** Whether it can be asked now. */
  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable && this.#settle === undefined
  }

  /** One question at a time; `settle` is called once, unless the connection is closed before. */
  ask(settle: Settle): void {
    this.#settle = settle
    this.#received = ''
    this.#socket.write(this.#question, 'latin1')
  }

  close(): void {
    this.#settle = undefined
    this.#socket.destroy()
  }

  #receive(text: string): void {
    this.#received += text
    // Nothing was asked, or more was said than an answer.
    if (this.#settle === undefined || this.#received.length > ANSWER_LENGTH_MAX) this.#fail('no HTTP answer', false)
    else this.#look(false)
  }

  #onEnd(): void {
    if (this.#settle !== undefined) this.#look(true)
    this.#fail('closed without an answer', false)
  }

  #look(isEnded: boolean): void {
    const answer = wholeAnswer(this.#received, isEnded)
    if (answer === 'junk') return this.#fail('no HTTP answer', false)
    if (answer === undefined) return
    const settle = this.#settle
    this.#settle = undefined
    if (!answer.isKept) this.#socket.destroy()
    settle?.(answer)
  }

  #fail(reason: string, isRefused: boolean): void {
    const settle = this.#settle
    this.close()
    settle?.({ reason, isRefused, isHeard: this.#received !== '' })
  }
}

const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: [^\r\n]*)?$/
const LAST_CHUNK = /(?:^|\r\n)0+(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*\r\n$/

/** Undefined while more has to come. */
function wholeAnswer(text: string, isEnded: boolean): ProbeAnswer | 'junk' | undefined {
  if (!'HTTP/1.'.startsWith(text.slice(0, 7))) return 'junk'
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  const [, minor, digits] = STATUS_LINE.exec(statusLine) ?? []
  if (digits === undefined) return 'junk'
  const status = Number(digits)
  const body = text.slice(headEnd + 4)
  // An interim answer, such as 103.
  if (status < 200) return wholeAnswer(body, isEnded)
  const headers = headersOf(lines)
  const isChunked = /\bchunked\b/i.test(headers.get('transfer-encoding') ?? '')
  const length = status === 204 || status === 304 ? 0 : Number(headers.get('content-length') ?? Infinity)
  const isWhole = isChunked ? LAST_CHUNK.test(body) : body.length >= length
  if (!isWhole && !(isEnded && !isChunked && length === Infinity)) return undefined
  const isKept = isWhole && !isEnded && minor === '1' && !/\bclose\b/i.test(headers.get('connection') ?? '')
  return { status, headers, isKept: isKept && (isChunked || body.length === length) }
}

function headersOf(lines: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const before = headers.get(name)
    const value = line.slice(colon + 1).trim()
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return headers
}
