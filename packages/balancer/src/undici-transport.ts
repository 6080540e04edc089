/**
 * undici's `dispatch`, which makes no streams of request and answer and so costs about half of what Node's own client does. It
 * sends one request at a time over each connection and never a second time by itself.
 */
import { Readable } from 'node:stream'
import type { DispatchHandler } from './bundled-undici.ts'
import type { AnswerHead, Call, CallListener, OutgoingRequest, Transport } from './transport.ts'
import { UndiciConnections } from './undici-connections.ts'
import type { UndiciLimits } from './undici-connections.ts'
import type { Upstream } from './upstream.ts'

/** `other` takes what undici does not: upgrades, and the one target that is no path, `*`. */
export function undiciTransport(limits: UndiciLimits, other: Transport): Transport {
  return {
    call(request, upstream, listener) {
      if (request.websocket || request.path === '*') return other.call(request, upstream, listener)
      return new UndiciCall(request, upstream, listener, connectionsTo(upstream, limits))
    },
  }
}

function connectionsTo(upstream: Upstream, limits: UndiciLimits): UndiciConnections {
  if (upstream.kept instanceof UndiciConnections) return upstream.kept
  const connections = new UndiciConnections(limits)
  upstream.kept = connections
  return connections
}

class UndiciCall implements Call, DispatchHandler {
  readonly #request: OutgoingRequest
  readonly #upstream: Upstream
  readonly #listener: CallListener
  readonly #connections: UndiciConnections
  #body: BodyFeed | undefined
  #abort: (() => void) | undefined
  #resume: (() => void) | undefined
  /** Whether nothing but the end of the connection ends the answer. */
  #endsWithConnection = false
  #over = false

  constructor(request: OutgoingRequest, upstream: Upstream, listener: CallListener, connections: UndiciConnections) {
    this.#request = request
    this.#upstream = upstream
    this.#listener = listener
    this.#connections = connections
  }

  begin(): void {
    const { method, path, headers, hasBody, taken } = this.#request
    if (hasBody && taken === undefined) this.#body = new BodyFeed(this.#listener)
    const sent = headers['transfer-encoding'] === undefined ? headers : withoutCoding(headers)
    const body = this.#body ?? taken ?? null
    this.#connections.agent.dispatch({ origin: this.#upstream.url, method, path, headers: sent, body }, this)
  }

  write(piece: Buffer): boolean {
    return this.#body?.push(piece) !== false
  }

  end(): void {
    this.#body?.push(null)
  }

  get blocked(): boolean {
    return (this.#body?.readableLength ?? 0) > 0
  }

  resume(): void {
    this.#resume?.()
  }

  destroy(): void {
    this.#over = true
    this.#abort?.()
  }

  onConnect(abort: () => void): void {
    // Given up while it waited for a connection.
    if (this.#over) return abort()
    this.#abort = abort
    this.#listener.connected()
  }

  onHeaders(status: number, rawHeaders: readonly Buffer[], resume: () => void, message: string): boolean {
    if (this.#over || status < 200) return true
    this.#resume = resume
    this.#listener.head(this.#head(status, message, rawHeaders))
    // The length that a 304 may tell is that of what it does not send. undici waits for none of it, but takes that for a fault.
    if (WITHOUT_BODY.has(status)) this.#whole()
    return true
  }

  onData(piece: Buffer): boolean {
    return this.#over || this.#listener.piece(piece)
  }

  onComplete(): void {
    if (this.#endsWithConnection && this.#connections.breaking) this.#break('ECONNRESET')
    this.#whole()
    this.#listener.closed()
  }

  onError({ code, message }: NodeJS.ErrnoException): void {
    this.#break(JUNK[message] ?? JUNK[code ?? ''] ?? code ?? message)
    this.#listener.closed()
  }

  #whole(): void {
    if (this.#over) return
    this.#over = true
    this.#listener.whole()
  }

  #break(code: string): void {
    if (this.#over) return
    this.#over = true
    this.#listener.broke(code)
  }

  #head(status: number, message: string | undefined, raw: readonly Buffer[]): AnswerHead {
    const rawHeaders: string[] = []
    const headers: { -readonly [Name in keyof AnswerHead['headers']]: AnswerHead['headers'][Name] } = {}
    let isChunked = false
    for (let index = 0; index < raw.length; index += 2) {
      const name = text(raw[index])
      const value = text(raw[index + 1])
      rawHeaders.push(name, value)
      switch (name.length) {
        case CONNECTION.length:
          if (name.toLowerCase() === CONNECTION) {
            headers.connection = headers.connection === undefined ? value : `${headers.connection}, ${value}`
          }
          break
        case LENGTH.length:
          if (name.toLowerCase() === LENGTH) headers[LENGTH] = value
          break
        case CODING.length:
          isChunked ||= name.toLowerCase() === CODING
          break
      }
    }
    this.#endsWithConnection = !isChunked && headers[LENGTH] === undefined
    return { status, message: message ?? '', rawHeaders, headers }
  }
}

/** What undici says of an answer that can't be read, by its code or message, and what Node's own client says. */
const JUNK: Readonly<Record<string, string>> = {
  // An upgrade that nobody asked for.
  'bad upgrade': 'HPE_UPGRADE',
  UND_ERR_HEADERS_OVERFLOW: 'HPE_HEADER_OVERFLOW',
}

/** RFC 9112, section 6.3: their header is all there is, whatever it says of a length. */
const WITHOUT_BODY = new Set([204, 304])

const CONNECTION = 'connection'
const LENGTH = 'content-length'
const CODING = 'transfer-encoding'

function text(bytes: Buffer | undefined): string {
  return bytes?.toString('latin1') ?? ''
}

/** undici frames what it is given by itself, and takes it for a fault to be told how. */
function withoutCoding(headers: OutgoingRequest['headers']): OutgoingRequest['headers'] {
  const { [CODING]: _coding, ...others } = headers
  return others
}

/** What undici reads a body from; it begins to read when it has a connection. */
class BodyFeed extends Readable {
  readonly #listener: CallListener

  constructor(listener: CallListener) {
    super()
    this.#listener = listener
    // It is destroyed with the request, which tells of the reason itself.
    this.on('error', () => 'told by onError')
  }

  override _read(): void {
    this.#listener.writable()
  }
}
