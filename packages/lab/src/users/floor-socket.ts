/**
 * One tab's socket on the floor. It is the client that browsers have: it comes back by itself after a pause, and sends again what was not
 * acknowledged. Here it also says what only its wire shows.
 */
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { LEFT, LOGGED_OUT, STILL_OPEN } from '@ninelives/history'
import { type ClientMessage, type SessionClient, sessionClient } from '@ninelives/sessions/client'
import { WebSocket } from 'ws'

export interface Step {
  readonly dx: number
  readonly dy: number
}

/** The outcome of a `hello` or a `move`. */
export type FloorReply =
  | {
      readonly end: 'ok'
      readonly node?: string
      readonly as?: string
      readonly count?: number
      readonly at?: readonly [x: number, y: number]
      /** How often the move was sent. */
      readonly attempts?: number
    }
  | Failure

export interface Failure {
  readonly end: 'failed' | 'unknown'
  readonly kind: string
}

/** The outcome of a `linger`. `openAtMs`: no sign of the socket's end had arrived by then. */
export type LingerReply = ({ readonly end: 'ok' } | Failure) & { readonly openAtMs: number }

export interface FloorSocketOptions {
  /** Of the shop, over HTTP. */
  readonly target: URL
  /** The present cookies. */
  readonly cookie: () => string | undefined
}

const PATH = '/api/floor'
/** Longer than a fault stands. */
const ANSWER_WITHIN_MS = 15_000
const HANDSHAKE_MS = 5_000
/** Several times as long as a socket may outlive its session. */
const LINGER_MAX_MS = 2_000
const LINGER_LOOK_MS = 5
const SESSION_ENDED = 4_401
const TIMEOUT = 'timeout'
const CUT_OFF = 'cut off'

/** One connection, with what came and went over it. */
class Connection extends WebSocket {
  hellos = 0
  welcomes = 0
  moves = 0
  /** The server's Close said that the session has ended. */
  endsSession = false

  /** Called by `ws` too, when a Close has come. */
  override close(code?: number, reason?: string | Buffer): void {
    this.endsSession ||= code === SESSION_ENDED
    super.close(code, reason)
  }

  override send(text: string): void {
    if (text.includes('"type":"move"')) this.moves++
    if (text.includes('"type":"hello"')) this.hellos++
    super.send(text)
  }
}

export class FloorSocket {
  readonly #client: SessionClient
  #connection: Connection | undefined
  /** Moves that were sent over earlier connections. */
  #movesBefore = 0
  #wasRefused = false
  #node: string | undefined
  #welcome: ClientMessage | undefined
  /** Resolved at each welcome and each change of the client's state. */
  #news = Promise.withResolvers<void>()

  constructor({ target, cookie }: FloorSocketOptions) {
    const open = (url: string): Connection => {
      const header = cookie()
      const connection = new Connection(url, {
        handshakeTimeout: HANDSHAKE_MS,
        headers: header === undefined ? {} : { cookie: header },
      })
      connection.on('error', ({ message }) => (this.#wasRefused ||= message.endsWith('server response: 401')))
      this.#movesBefore += this.#connection?.moves ?? 0
      this.#connection = connection
      return connection
    }
    this.#client = sessionClient(new URL(PATH, target).href.replace(/^http/, 'ws'), {
      answerWithinMs: ANSWER_WITHIN_MS,
      hasSession: () => Promise.resolve(!this.#wasRefused),
      onState: () => this.#tell(),
      onMessage: (message) => {
        if (message.type !== 'welcome') return
        if (this.#connection !== undefined) this.#connection.welcomes++
        this.#node = textIn(message['node'])
        this.#welcome = message
        this.#tell()
      },
      WebSocket: function Opened(url: string) {
        return open(url)
      } as unknown as new (url: string) => globalThis.WebSocket,
    })
  }

  /** The server has ended it with the session, or refused to open it without one. */
  get hasEnded(): boolean {
    return this.#client.state === 'ended'
  }

  /** Asks for the marker, over the next connection if there is none. */
  async hello(): Promise<FloorReply> {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
    let connection = this.#connection
    let answer = this.#sayHello()
    for (;;) {
      if (this.hasEnded) return { end: 'failed', kind: LOGGED_OUT }
      if (this.#client.state === 'closed') return { end: 'failed', kind: LEFT }
      if (connection !== this.#connection) {
        // The client says hello over each new connection.
        connection = this.#connection
        answer = 1
      }
      if (this.#welcome !== undefined && (connection?.welcomes ?? 0) >= answer) return this.#welcomed(this.#welcome)
      if (signal.aborted) return { end: 'failed', kind: TIMEOUT }
      await within(this.#news.promise, signal)
    }
  }

  async move(step: Step): Promise<FloorReply> {
    const before = this.#moves
    try {
      const { moves, x, y } = await this.#client.send('move', step)
      const attempts = this.#moves - before
      return {
        end: 'ok',
        ...(this.#node === undefined ? {} : { node: this.#node }),
        ...shown({ moves, x, y }),
        ...(attempts > 1 ? { attempts } : {}),
      }
    } catch (error) {
      return { end: 'unknown', kind: this.#kindOf(error) }
    }
  }

  /**
   * After the logout: waits for the end of the connection, be it a Close or the end of TCP. What has arrived is seen in the turn of the
   * event loop that follows, however late this process is. So a look that finds the socket open shows that it was open at the look before.
   */
  async linger(now: () => number): Promise<LingerReply> {
    const connection = this.#connection
    const isOver = (): boolean => connection === undefined || connection.readyState !== WebSocket.OPEN
    const deadlineAtMs = now() + LINGER_MAX_MS
    let openAtMs = now()
    for (let lookedAtMs = openAtMs; !isOver(); lookedAtMs = now()) {
      openAtMs = lookedAtMs
      if (openAtMs > deadlineAtMs) return { end: 'failed', kind: STILL_OPEN, openAtMs }
      await Promise.race([this.#news.promise, sleep(LINGER_LOOK_MS)])
      // After the sockets were read.
      await immediate()
    }
    if (connection?.endsSession === true || this.hasEnded) return { end: 'ok', openAtMs }
    return { end: 'unknown', kind: CUT_OFF, openAtMs }
  }

  /** The number of the welcome that answers it over the present connection, which may have none. */
  #sayHello(): number {
    if (this.#client.state === 'connecting') return 1
    if (!this.#isOpen || this.#connection === undefined) return Number.POSITIVE_INFINITY
    this.#connection.send('{"type":"hello"}')
    return this.#connection.hellos
  }

  close(): void {
    this.#client.close()
    this.#connection?.terminate()
  }

  #kindOf(error: unknown): string {
    if (this.hasEnded) return LOGGED_OUT
    return this.#client.state === 'closed' ? LEFT : codeIn(error)
  }

  get #isOpen(): boolean {
    return this.#client.state === 'open'
  }

  get #moves(): number {
    return this.#movesBefore + (this.#connection?.moves ?? 0)
  }

  #tell(): void {
    const { resolve } = this.#news
    this.#news = Promise.withResolvers()
    resolve()
  }

  #welcomed({ you }: ClientMessage): FloorReply {
    const { user, moves, x, y } = (you ?? {}) as Readonly<Record<string, unknown>>
    const as = textIn(user)
    return {
      end: 'ok',
      ...(this.#node === undefined ? {} : { node: this.#node }),
      ...(as === undefined ? {} : { as }),
      ...shown({ moves, x, y }),
    }
  }
}

function shown({ moves, x, y }: Readonly<Record<'moves' | 'x' | 'y', unknown>>) {
  return {
    ...(typeof moves === 'number' ? { count: moves } : {}),
    ...(typeof x === 'number' && typeof y === 'number' ? { at: [x, y] as const } : {}),
  }
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function codeIn(error: unknown): string {
  const { code } = error as { readonly code?: string }
  return code ?? TIMEOUT
}

/** Resolves with the promise, or when the signal aborts. */
async function within(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const aborted = Promise.withResolvers<void>()
  const onAbort = (): void => aborted.resolve()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
