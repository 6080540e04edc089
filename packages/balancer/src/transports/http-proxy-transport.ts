/**
 * The only file that uses http-proxy (1.18.1). http-proxy makes the outgoing request and does nothing after it: most of its defects are
 * in its handling of bodies, answers, errors and upgrades. It gets stand-ins for the client's request and response, on which it can
 * neither leave a listener nor write.
 *
 * Its `buffer` option is an object whose `pipe` is called once, when the outgoing request exists and before any byte of it is sent. In
 * that call this transport takes over.
 */
import assert from 'node:assert'
import type { ClientRequest, IncomingMessage, InformationEvent, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Stream } from 'node:stream'
import util from 'node:util'
import type { Call, CallListener, OutgoingRequest, Transport } from './transport.ts'
import { CONNECTED_TO_ITSELF, isSelfConnected } from '../upstreams/refusal.ts'
import type { Upstream } from '../upstreams/upstream.ts'

// http-proxy takes util._extend when it is loaded, and the first call would print DEP0060. Only that function is replaced,
// and only while http-proxy loads, so that every other deprecation is still printed.
const mutableUtil = util as unknown as { _extend: unknown }
const deprecated = mutableUtil._extend
mutableUtil._extend = Object.assign
const { default: httpProxy } = await import('http-proxy')
mutableUtil._extend = deprecated

/** They may change; each call takes them as they are then. */
export interface HttpCallLimits {
  readonly connectTimeoutMs: number
  readonly answerHeaderBytesMax: number
}

export function httpProxyTransport(limits: HttpCallLimits): Transport {
  const proxy = httpProxy.createProxyServer({ selfHandleResponse: true, toProxy: true })
  removePass(proxy, 'deleteLength')
  return {
    call: (request, upstream, listener) => new HttpCall(proxy, request, upstream, listener, limits),
  }
}

type Proxy = ReturnType<typeof httpProxy.createProxyServer>

const NO_SOCKET = { destroyed: false }
const NO_RESPONSE = { headersSent: false, finished: true } as ServerResponse

/** The call listens to the outgoing request itself; without a callback http-proxy would throw. */
function heardElsewhere(): void {}

/**
 * CVE-2026-29057: `deleteLength` turns a chunked DELETE or OPTIONS into one of length 0 and sends its body all the same, so
 * that the node takes the body for the next request. Without the pass the body keeps its chunks.
 */
function removePass(proxy: object, name: string): void {
  const { webPasses } = proxy as { webPasses: { readonly name: string }[] }
  const index = webPasses.findIndex((pass) => pass.name === name)
  assert(index !== -1, `this http-proxy has no pass ${name}`)
  webPasses.splice(index, 1)
}

class HttpCall implements Call {
  readonly #proxy: Proxy
  readonly #request: OutgoingRequest
  readonly #upstream: Upstream
  readonly #listener: CallListener
  readonly #limits: HttpCallLimits
  #outgoing: ClientRequest | undefined
  #answer: IncomingMessage | undefined
  /** The connection, if it is a reused one, and the bytes that had been read from it before. */
  #reused: { readonly socket: Socket; readonly bytesRead: number } | undefined
  #over = false

  constructor(
    proxy: Proxy,
    request: OutgoingRequest,
    upstream: Upstream,
    listener: CallListener,
    limits: HttpCallLimits,
  ) {
    this.#proxy = proxy
    this.#request = request
    this.#upstream = upstream
    this.#listener = listener
    this.#limits = limits
  }

  begin(): void {
    const { method, path: url, headers } = this.#request
    const { target, agent } = this.#upstream
    const standIn = { method, url, headers, socket: NO_SOCKET, on: heardElsewhere } as unknown as IncomingMessage
    this.#proxy.web(standIn, NO_RESPONSE, { target, agent, buffer: this as unknown as Stream }, heardElsewhere)
  }

  /** http-proxy hands over. */
  pipe(outgoing: ClientRequest): void {
    const { path, hasBody, taken, websocket, expectsContinue } = this.#request
    // http-proxy collapses slashes in the path; the upstream gets the client's own path.
    outgoing.path = path
    // A header is bounded in bytes; above a number of fields Node would silently drop the rest.
    Object.assign(outgoing, { maxHeaderSize: this.#limits.answerHeaderBytesMax, maxHeadersCount: 0 })
    // Among the fields that http-proxy is given, Node would write the header at once, with the path that http-proxy made.
    if (expectsContinue) outgoing.setHeader('Expect', '100-continue')
    this.#outgoing = outgoing
    outgoing.on('socket', (socket) => this.#onSocket(socket))
    outgoing.on('information', (interim) => this.#onInterim(interim))
    outgoing.on('response', (answer) => this.#onAnswer(answer))
    outgoing.on('error', (error) => this.#onError(error))
    outgoing.on('close', () => this.#onClosed())
    if (websocket) outgoing.on('upgrade', (...upgrade) => this.#onUpgrade(...upgrade))
    if (!hasBody) outgoing.end()
    else if (taken !== undefined) outgoing.end(taken.toString('latin1'), 'latin1')
    else {
      outgoing.on('drain', () => this.#over || this.#listener.writable())
      // Node holds the header back until the body begins, but the upstream may answer without it.
      outgoing.flushHeaders()
    }
  }

  write(piece: Buffer): boolean {
    return this.#outgoing?.write(piece) !== false
  }

  end(): void {
    this.#outgoing?.end()
  }

  get blocked(): boolean {
    return this.#outgoing?.writableNeedDrain === true
  }

  resume(): void {
    this.#answer?.resume()
  }

  destroy(): void {
    this.#over = true
    this.#outgoing?.destroy()
  }

  #onSocket(socket: Socket): void {
    if (!socket.connecting) {
      if (socket.bytesRead > 0) this.#reused = { socket, bytesRead: socket.bytesRead }
      return this.#listener.connected()
    }
    // If this process itself was stopped, the connection may stand, which is noticed before the next immediate.
    const look = (): void => {
      if (socket.connecting) this.#break('connect timeout')
    }
    const timer = setTimeout(() => setImmediate(look), this.#limits.connectTimeoutMs)
    socket.once('close', () => clearTimeout(timer))
    socket.once('connect', () => {
      clearTimeout(timer)
      if (this.#over) return
      if (isSelfConnected(socket)) this.#break(CONNECTED_TO_ITSELF)
      else this.#listener.connected()
    })
  }

  #onInterim({ statusCode: status, statusMessage: message, rawHeaders, headers }: InformationEvent): void {
    if (!this.#over) this.#listener.interim({ status, message, rawHeaders, headers })
  }

  #onAnswer(answer: IncomingMessage): void {
    if (this.#over) return
    this.#answer = answer
    answer.on('data', (piece: Buffer) => {
      if (!this.#over && !this.#listener.piece(piece)) answer.pause()
    })
    answer.on('end', () => this.#onAnswerEnded())
    answer.on('close', () => answer.complete || this.#break('the answer broke off'))
    const { statusCode: status = 0, statusMessage: message = '', rawHeaders, headers } = answer
    this.#listener.head({ status, message, rawHeaders, headers })
  }

  #onAnswerEnded(): void {
    if (this.#over) return
    this.#over = true
    // After an answer before the end of the upload, the rest of the body would be read as the next request: no reuse.
    if (this.#outgoing?.writableEnded === false) this.#outgoing.destroy()
    this.#listener.whole(this.#answer?.rawTrailers ?? [])
  }

  #onUpgrade(answer: IncomingMessage, socket: Socket, head: Buffer): void {
    const { statusCode: status = 0, statusMessage: message = '', rawHeaders, headers } = answer
    if (this.#over || headers.upgrade?.toLowerCase() !== 'websocket') {
      socket.on('error', heardElsewhere).destroy()
      return this.#break(`HPE_UPGRADE to ${headers.upgrade}`)
    }
    this.#over = true
    this.#listener.upgraded({ status, message, rawHeaders, headers }, { socket, head })
  }

  #onError(error: NodeJS.ErrnoException): void {
    // An upstream may answer in full and stop listening. But an answer that ends with its connection does not end with a reset,
    // though Node would call it complete.
    if (this.#answer?.complete !== true) this.#break(error.code ?? error.message)
  }

  /** Only now is its place in the agent, or in the agent's queue, free again. */
  #onClosed(): void {
    // An upgrade that was not asked for ends without an error.
    if (this.#answer === undefined) this.#break('HPE_NO_ANSWER')
    this.#listener.closed()
  }

  #break(code: string): void {
    if (this.#over) return
    this.destroy()
    const isStale = this.#reused !== undefined && this.#reused.socket.bytesRead === this.#reused.bytesRead
    this.#listener.broke(code, isStale ? 'stale' : undefined)
  }
}
