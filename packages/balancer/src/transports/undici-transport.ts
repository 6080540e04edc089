/**
 * undici's `dispatch`, which makes no streams of request and answer and so costs about half as much as Node's own client. It sends one
 * request at a time over each connection, and never retries by itself.
 *
 * Version 7, since its handlers get a header as it came; those of version 8 get it parsed into an object that nothing here reads.
 */
import { subscribe } from 'node:diagnostics_channel'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { createRequire } from 'node:module'
import type { Dispatcher, Pool } from 'undici'
import type { AnswerHead, Call, CallListener, OutgoingRequest, Transport } from './transport.ts'
import { UndiciConnections } from './undici-connections.ts'
import type { UndiciLimits } from './undici-connections.ts'
import type { Upstream } from '../upstreams/upstream.ts'

/** `other` takes what undici can't send. */
export function undiciTransport(limits: UndiciLimits, other: Transport): Transport {
  // Imported only when used, because loading takes some 50 ms.
  const { Pool: PoolClass } = createRequire(import.meta.url)('undici') as { readonly Pool: typeof Pool }
  const connectionsTo = (upstream: Upstream): UndiciConnections => {
    if (upstream.kept instanceof UndiciConnections) return upstream.kept
    const connections = new UndiciConnections(upstream.url, limits, PoolClass)
    upstream.kept = connections
    return connections
  }
  return {
    call(request, upstream, listener) {
      const connections = connectionsTo(upstream)
      const isForOther = !isForUndici(request) || connections.sawUnaskedContinue
      if (isForOther) return other.call(request, upstream, listener)
      return new UndiciCall(request, listener, connections)
    },
  }
}

/**
 * Not an upgrade, nor the one target that is no path, nor a header with `Expect` or `Connection: TE`, which undici refuses. Nor a body that
 * is still to come: undici would hold the header back until its first piece, and an upstream that answers without it could not.
 */
function isForUndici(request: OutgoingRequest): boolean {
  const { websocket, path, expectsContinue, wantsTrailers, hasBody, taken } = request
  if (websocket || expectsContinue || wantsTrailers || path === '*') return false
  return !hasBody || taken !== undefined
}

/** undici's handlers don't get the connection; this channel publishes it when a header is written, right after `onConnect`. */
let nextSent: UndiciCall | undefined
subscribe('undici:client:sendHeaders', (message) => {
  nextSent?.sentOn((message as { readonly socket: Socket }).socket)
  nextSent = undefined
})

function awaitSending(call: UndiciCall): void {
  nextSent = call
}

class UndiciCall implements Call, Dispatcher.DispatchHandler {
  readonly #request: OutgoingRequest
  readonly #listener: CallListener
  readonly #connections: UndiciConnections
  #abort: (() => void) | undefined
  #resume: (() => void) | undefined
  /** Whether only the end of the connection ends the answer. */
  #endsWithConnection = false
  /** Its connection, and how much had been read of it before. */
  #socket: Socket | undefined
  #bytesReadBefore = 0
  #over = false

  constructor(request: OutgoingRequest, listener: CallListener, connections: UndiciConnections) {
    this.#request = request
    this.#listener = listener
    this.#connections = connections
  }

  begin(): void {
    const { method, path, headers, taken: body = null } = this.#request
    const sent = (headers['transfer-encoding'] === undefined ? headers : withoutCoding(headers)) as IncomingHttpHeaders
    this.#connections.pool.dispatch({ method, path, headers: sent, body }, this)
  }

  write(): never {
    throw new Error('undici is given bodies that are whole')
  }

  end(): void {}

  get blocked(): boolean {
    return false
  }

  resume(): void {
    this.#resume?.()
  }

  destroy(): void {
    this.#over = true
    this.#abort?.()
  }

  onConnect(abort: () => void): void {
    // Aborted while it waited for a connection.
    if (this.#over) return abort()
    this.#abort = abort
    awaitSending(this)
    this.#listener.connected()
  }

  sentOn(socket: Socket): void {
    this.#socket = socket
    this.#bytesReadBefore = socket.bytesRead
  }

  onHeaders(status: number, rawHeaders: readonly Buffer[], resume: () => void, message: string): boolean {
    if (this.#over) return true
    const head = this.#head(status, message, rawHeaders)
    if (status < 200) {
      this.#listener.interim(head)
      return true
    }
    this.#resume = resume
    this.#listener.head(head)
    // A 304 may have the length of a body that it does not send. undici expects no body, but reports a mismatch.
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
    if (message === UNASKED_CONTINUE) this.#connections.sawUnaskedContinue = true
    this.#break(JUNK[message] ?? JUNK[code ?? ''] ?? code ?? message)
    this.#listener.closed()
  }

  #whole(): void {
    if (this.#over) return
    this.#over = true
    // A request that asks for trailers does not come here.
    this.#listener.whole([])
  }

  #break(code: string): void {
    if (this.#over) return
    this.#over = true
    const isStale = this.#bytesReadBefore > 0 && this.#socket?.bytesRead === this.#bytesReadBefore
    this.#listener.broke(code, isStale ? 'stale' : undefined)
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

/** The message of undici's error for 100 Continue to a request that did not ask for it. */
const UNASKED_CONTINUE = 'bad response'

/** What undici says of an answer that can't be read, by its code or message, and what Node's own client says. */
const JUNK: Readonly<Record<string, string>> = {
  // An upgrade that was not asked for.
  'bad upgrade': 'HPE_UPGRADE',
  [UNASKED_CONTINUE]: 'HPE_UNASKED_CONTINUE',
  UND_ERR_HEADERS_OVERFLOW: 'HPE_HEADER_OVERFLOW',
}

/** RFC 9112, section 6.3: these have no body, whatever length the header has. */
const WITHOUT_BODY = new Set([204, 304])

const CONNECTION = 'connection'
const LENGTH = 'content-length'
const CODING = 'transfer-encoding'

function text(bytes: Buffer | undefined): string {
  return bytes?.toString('latin1') ?? ''
}

/** undici frames bodies itself, and refuses framing fields. */
function withoutCoding(headers: OutgoingRequest['headers']): OutgoingRequest['headers'] {
  const { [CODING]: _coding, ...others } = headers
  return others
}
