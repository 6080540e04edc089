/** One socket: its messages in their order, its bounds, and its end. */
import type { IncomingMessage } from 'node:http'
import type { RawData, WebSocket } from 'ws'
import { clientMessage, SessionError, SessionGoneError, StoreUnavailableError } from '../errors.ts'
import type { SessionFields } from '../session-fields.ts'
import type { SocketSession } from './socket-session.ts'

/** Why a socket is closed by us. */
export const CLOSE = {
  /** A binary frame. */
  unsupported: 1003,
  /** A frame that is not JSON. */
  invalid: 1007,
  /** Too many or too fast. */
  policy: 1008,
  tooLarge: 1009,
  /** The node leaves: come back elsewhere. */
  restart: 1012,
  /** The session store is out: come back later. */
  later: 1013,
  sessionEnded: 4401,
} as const

export interface SocketLimits {
  /** The largest message. Default 16 KiB. */
  readonly messageBytesMax: number
  /** How many messages a second a socket may send over time; twice as many at once. Default 50. */
  readonly messagesPerSecondMax: number
  /** How many messages may wait for the one before them. Default 64. */
  readonly waitingMessagesMax: number
  /** How much may wait to be sent to a client that reads slowly, before its socket is cut. Default 1 MiB. */
  readonly unsentBytesMax: number
}

/** A message of a client: JSON, an object with a type. With an id it is carried out once, however often it is sent. */
export interface SocketMessage {
  readonly type: string
  readonly id?: string
  readonly [field: string]: unknown
}

/** What is done with each type of message, one message after the other. */
export type SocketHandlers = Readonly<Record<string, (message: SocketMessage) => void | Promise<void>>>

/** What an application has of a socket. */
export interface SessionSocket<Fields extends object = SessionFields> {
  readonly session: SocketSession<Fields>
  /** The request that opened it. */
  readonly request: IncomingMessage
  /** As JSON. Sent to a socket that is closed, it goes nowhere. */
  readonly send: (message: object) => void
  /** A message that is text already. */
  readonly sendText: (text: string) => void
  /** Aborted when the socket is closed. */
  readonly closed: AbortSignal
  readonly close: (code: number, reason: string) => void
}

export interface SocketCallbacks {
  /** What a handler threw that is no SessionError. */
  readonly onError: (error: unknown) => void
  /** It has a handler. */
  readonly onMessage: (type: string) => void
  /** The store is out: true to close the socket, false to refuse the message. */
  readonly closesInOutage: boolean
  readonly onClosed: (code: number) => void
}

const ID_LENGTH_MAX = 128
/** Read by `ws` at most, so that a message that is somewhat too large gets its answer before it is closed. */
export const READ_BYTES_FACTOR = 4
/** Of a client that has heard nothing for long. Not a use of the session, and answered before the messages that wait. */
const KEEP_ALIVE = '{"type":"keep-alive"}'
const CLOSED_WITHIN_MS = 2_000

export class Socket<Fields extends object = SessionFields> implements SessionSocket<Fields> {
  readonly session: SocketSession<Fields>
  readonly request: IncomingMessage
  /** When a node told that the session may have ended, until a look has shown that it lives. */
  endToldAtMs: number | undefined
  readonly #socket: WebSocket
  readonly #limits: SocketLimits
  readonly #callbacks: SocketCallbacks
  readonly #closed = new AbortController()
  #handlers: SocketHandlers = {}
  #waiting: string[] = []
  #isRunning = false
  /** How many messages it may send now, as of `#countedAtMs`. */
  #allowance: number
  #countedAtMs = performance.now()
  #code: number | undefined
  /** It has answered the last ping. */
  #isAnswering = true

  constructor(
    socket: WebSocket,
    session: SocketSession<Fields>,
    request: IncomingMessage,
    limits: SocketLimits,
    callbacks: SocketCallbacks,
  ) {
    this.session = session
    this.request = request
    this.#socket = socket
    this.#limits = limits
    this.#callbacks = callbacks
    this.#allowance = 2 * limits.messagesPerSecondMax
    socket.on('error', () => 'a close follows')
    socket.on('pong', () => (this.#isAnswering = true))
    socket.on('close', (code) => this.#over(this.#code ?? code))
    // Nothing is read before the handlers are there.
    socket.pause()
  }

  /** Its Close was sent, or it is closed. */
  get isClosing(): boolean {
    return this.#code !== undefined
  }

  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** Messages are handled from here on. */
  handle(handlers: SocketHandlers): void {
    this.#handlers = handlers
    this.#socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    this.#socket.resume()
  }

  /** An application may take it out of the object, as it may `close`. */
  readonly send = (message: object): void => this.sendText(JSON.stringify(message))

  readonly sendText = (text: string): void => {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    // A client that does not read would be waited for without end, its Close as well.
    if (this.#socket.bufferedAmount + text.length > this.#limits.unsentBytesMax) this.cut()
    else this.#socket.send(text)
  }

  readonly close = (code: number, reason: string): void => {
    if (this.#code !== undefined) return
    // It throws for a code or a reason that can't be sent.
    this.#socket.close(code, reason)
    this.#code = code
    this.#waiting = []
    setTimeout(() => this.#socket.terminate(), CLOSED_WITHIN_MS).unref()
  }

  /** False if it was closed before. */
  endSession(): boolean {
    const isOpen = this.#code === undefined
    this.close(CLOSE.sessionEnded, 'session ended')
    return isOpen
  }

  /** Without a Close: nothing more reaches this client. */
  cut(): void {
    this.#socket.terminate()
  }

  /** Cuts it if it has not answered the ping before this one. */
  ping(): void {
    if (!this.#isAnswering) return this.cut()
    this.#isAnswering = false
    this.#socket.ping()
  }

  #over(code: number): void {
    this.#code ??= code
    this.#waiting = []
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    this.#callbacks.onClosed(code)
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#code !== undefined) return
    if (isBinary) return this.#refuse('BINARY', 'Messages are JSON in text frames.', { close: CLOSE.unsupported })
    const bytes = data as Buffer
    if (bytes.length > this.#limits.messageBytesMax)
      return this.#refuse('TOO_LARGE', `A message takes at most ${this.#limits.messageBytesMax} bytes.`, {
        close: CLOSE.tooLarge,
      })
    if (!this.#mayReceive()) return this.#refuse('TOO_FAST', 'Too many messages at once.', { close: CLOSE.policy })
    const text = bytes.toString()
    if (text === KEEP_ALIVE) return this.sendText(KEEP_ALIVE)
    if (this.#waiting.length >= this.#limits.waitingMessagesMax)
      return this.#refuse('TOO_MANY_WAITING', 'Too many messages wait for an answer.', { close: CLOSE.policy })
    this.#waiting.push(text)
    if (!this.#isRunning) void this.#run()
  }

  #mayReceive(): boolean {
    const { messagesPerSecondMax: rate } = this.#limits
    const nowMs = performance.now()
    this.#allowance = Math.min(2 * rate, this.#allowance + ((nowMs - this.#countedAtMs) * rate) / 1_000)
    this.#countedAtMs = nowMs
    if (this.#allowance < 1) return false
    this.#allowance -= 1
    return true
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    for (let text = this.#waiting.shift(); text !== undefined; text = this.#waiting.shift()) {
      const message = messageIn(text)
      if (message === undefined) {
        this.#refuse('INVALID', 'A message is a JSON object with a type, and an id of at most 128 characters.', {
          close: CLOSE.invalid,
        })
        break
      }
      await this.#carryOut(message)
    }
    this.#isRunning = false
  }

  async #carryOut(message: SocketMessage): Promise<void> {
    const { type, id } = message
    const handler = Object.hasOwn(this.#handlers, type) ? this.#handlers[type] : undefined
    // A page may be newer than this node: what else it sends is handled.
    if (handler === undefined) return this.#refuse('UNKNOWN_TYPE', 'No message of this type is known.', { id })
    this.#callbacks.onMessage(type)
    try {
      await this.session.during(id, () => handler(message))
    } catch (error) {
      this.#failed(error, id)
    }
  }

  #failed(error: unknown, id: string | undefined): void {
    if (error instanceof SessionGoneError) return void this.endSession()
    if (error instanceof SessionError) this.#refuse(error.code, clientMessage(error), { id })
    else {
      this.#callbacks.onError(error)
      this.#refuse('INTERNAL', 'The message could not be handled.', { id })
    }
    if (error instanceof StoreUnavailableError && this.#callbacks.closesInOutage)
      this.close(CLOSE.later, 'session store unavailable')
  }

  #refuse(code: string, message: string, { id, close }: { id?: string | undefined; close?: number }): void {
    this.send({ type: 'error', code, message, ...(id !== undefined && { id }) })
    if (close !== undefined) this.close(close, message)
  }
}

function messageIn(text: string): SocketMessage | undefined {
  try {
    const { type, id, ...fields } = JSON.parse(text) as Record<string, unknown>
    if (typeof type !== 'string') return undefined
    if (id === undefined) return { ...fields, type }
    return typeof id === 'string' && id !== '' && id.length <= ID_LENGTH_MAX ? { ...fields, type, id } : undefined
  } catch {
    return undefined
  }
}
