/**
 * Answers the probes of balancers before Node's HTTP server sees their connections. An idle node does little else, and Node's parser, request
 * and response take more than half of what a probe costs.
 *
 * Only a plain `GET /readyz` is answered here. From the first other bytes on, the connection is the HTTP server's, with all that came.
 */
import assert from 'node:assert/strict'
import { STATUS_CODES, type Server } from 'node:http'
import type { Socket } from 'node:net'

export interface ProbeAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** The connection ends with it. */
  readonly isLast: boolean
}

export interface ProbeConnections {
  /** Closes those whose probes are all answered. One that has not sent its first yet may be about to. */
  closeIdle(): void
  closeAll(): void
}

export interface ProbeConnectionOptions {
  readonly answer: () => Promise<ProbeAnswer>
  /** From the connection to its first bytes. */
  readonly firstBytesWithinMs: number
  /** Between two probes. */
  readonly idleMs: number
}

const QUESTION = /^GET \/readyz HTTP\/1\.1\r\n(?:(?:host|accept|accept-encoding|user-agent): ?[\x20-\x7e]*\r\n)*\r\n$/i
const HOST = /^host:/gim

export function probeConnections(server: Server, options: ProbeConnectionOptions): ProbeConnections {
  const [toHttp, ...others] = server.listeners('connection') as ((socket: Socket) => void)[]
  assert(toHttp !== undefined && others.length === 0, 'an HTTP server has one listener for connections')
  const open = new Set<ProbeConnection>()
  server.off('connection', toHttp).on('connection', (socket: Socket) => {
    const handOver = (): void => toHttp.call(server, socket)
    const connection = new ProbeConnection(socket, options, handOver, () => open.delete(connection))
    open.add(connection)
  })
  return {
    closeIdle: () => open.forEach((connection) => connection.isIdle && connection.close()),
    closeAll: () => open.forEach((connection) => connection.close()),
  }
}

class ProbeConnection {
  readonly #socket: Socket
  readonly #options: ProbeConnectionOptions
  readonly #handOver: () => void
  readonly #left: () => void
  /** The last question, which nearly always comes again byte by byte. */
  #asked: Buffer | undefined
  /** What came while an answer was made. */
  #behind: Buffer | undefined
  #hasEnded = false
  #isAnswering = false

  constructor(socket: Socket, options: ProbeConnectionOptions, handOver: () => void, left: () => void) {
    this.#socket = socket
    this.#options = options
    this.#handOver = handOver
    this.#left = left
    socket.setTimeout(options.firstBytesWithinMs)
    socket.on('data', this.#onData).on('end', this.#onEnd)
    socket.on('timeout', this.close).on('error', this.close).on('close', left)
  }

  get isIdle(): boolean {
    return this.#asked !== undefined && !this.#isAnswering
  }

  readonly close = (): void => void this.#socket.destroy()

  readonly #onData = (bytes: Buffer): void => {
    if (this.#isAnswering) {
      this.#behind = bytes
      this.#socket.pause()
    } else if (this.#asked?.equals(bytes) === true) void this.#answer()
    else if (isQuestion(bytes)) {
      this.#asked = bytes
      this.#socket.setTimeout(this.#options.idleMs)
      void this.#answer()
    } else this.#leave(bytes)
  }

  readonly #onEnd = (): void => {
    this.#hasEnded = true
    if (!this.#isAnswering) this.#socket.end()
  }

  async #answer(): Promise<void> {
    this.#isAnswering = true
    const { status, headers, body, isLast } = await this.#options.answer()
    this.#isAnswering = false
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nDate: ${new Date().toUTCString()}\r\n`
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`
    const text = `${head}Content-Length: ${Buffer.byteLength(body)}\r\n${isLast ? 'Connection: close\r\n' : ''}\r\n${body}`
    if (isLast || this.#hasEnded) this.#socket.end(text)
    else this.#socket.write(text)
    if (this.#behind !== undefined && this.#socket.writable) this.#leave(this.#behind)
  }

  /** The connection is the HTTP server's, which reads these bytes first. */
  #leave(bytes: Buffer): void {
    const socket = this.#socket
    this.#left()
    socket.off('data', this.#onData).off('end', this.#onEnd)
    socket.off('timeout', this.close).off('error', this.close).off('close', this.#left)
    socket.setTimeout(0)
    socket.pause()
    socket.unshift(bytes)
    this.#handOver()
    socket.resume()
  }
}

/** A request without a body, after which the connection is kept. */
function isQuestion(bytes: Buffer): boolean {
  const text = bytes.toString('latin1')
  return QUESTION.test(text) && text.match(HOST)?.length === 1
}
