/**
 * The browser's end of a socket on a session. It comes back by itself, each client after a pause of its own, and sends what was not
 * acknowledged again under the same ids, so that one node carries out each message, once. Imports nothing.
 */

export type ClientState =
  /** The first connection, or another one after a pause. */
  | 'connecting'
  | 'open'
  /** Offline until the next try. */
  | 'waiting'
  /** The session has ended: log in, and begin another client. */
  | 'ended'
  | 'closed'

export interface ClientMessage {
  readonly type: string
  readonly id?: string
  readonly [field: string]: unknown
}

export interface SessionClientOptions {
  /** Every message of the server, those too that `send` resolves. */
  readonly onMessage: (message: ClientMessage) => void
  readonly onState?: (state: ClientState) => void
  /**
   * Asked after a try that was refused, for which a browser does not tell the reason: false ends the client, for example where
   * `fetch('/api/me')` says 401.
   */
  readonly hasSession?: () => Promise<boolean>
  /** A message that has no answer for so long is given up. Within the five minutes for which the server knows an id again. Default four. */
  readonly answerWithinMs?: number
  /**
   * A connection over which nothing came for so long is asked whether it is still there, and given up after another five seconds: where a
   * network has lost one without a word, no close comes. Default 15,000.
   */
  readonly quietMs?: number
  /** Default: the browser's. */
  readonly WebSocket?: new (url: string) => WebSocket
}

export interface SessionClient {
  readonly state: ClientState
  /** How many messages are not acknowledged. */
  readonly unacknowledged: number
  /**
   * Sends a message under an id of its own, again after each reconnect, until the server answers with a message of that id. Rejects with
   * MessageRefusedError if that is an error, and with MessageLostError if nothing was heard within `answerWithinMs`: it may have been carried out.
   */
  send(type: string, fields?: object): Promise<ClientMessage>
  close(): void
}

export class MessageRefusedError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'MessageRefusedError'
    this.code = code
  }
}

export class MessageLostError extends Error {
  constructor() {
    super('The server has not answered: the message may have been carried out.')
    this.name = 'MessageLostError'
  }
}

interface Unacknowledged {
  readonly text: string
  /** Over the present connection. */
  isSent: boolean
  readonly atMs: number
  readonly resolve: (message: ClientMessage) => void
  readonly reject: (error: Error) => void
}

interface Pause {
  /** What the server asked for. */
  readonly askedMs: string | undefined
  readonly limitMinMs: number
}

const SESSION_ENDED = 4401
const STORE_OUT = 1013
const PAUSE_MIN_MS = 100
const PAUSE_MAX_MS = 10_000
/** The least limit of the pause after that. A store that reads and can't write lets each connection begin well, so that `tries` stays low. */
const STORE_OUT_PAUSE_MS = 2_000
const ANSWER_WITHIN_MS = 4 * 60_000
const QUIET_MS = 15_000
/** The server answers it at once, whatever else waits. */
const KEEP_ALIVE = '{"type":"keep-alive"}'
const KEEP_ALIVE_WITHIN_MS = 5_000
const OPEN_WITHIN_MS = 20_000
const RETRY_AFTER = /^retry-after-ms=(\d{1,6})$/
/** Unacknowledged messages over one connection: the server keeps the results of somewhat more. */
const SENT_MAX = 8
/** Below what a server takes, so that many messages from an offline time are no flood. */
const PER_SECOND = 40
const AT_ONCE = 40
/** The message was not carried out, and may be later. */
const SENT_AGAIN = new Set(['STORE_UNAVAILABLE', 'SESSION_BUSY', 'SESSION_CONFLICT'])
const AGAIN_MS = 500
/** It was carried out when it was sent before. */
const DONE_BEFORE = 'ANSWER_NOT_KEPT'

export function sessionClient(url: string, options: SessionClientOptions): SessionClient {
  const { onMessage, onState = () => {}, hasSession = async () => true } = options
  const { answerWithinMs = ANSWER_WITHIN_MS, quietMs = QUIET_MS, WebSocket: Socket = WebSocket } = options
  const prefix = crypto.randomUUID()
  const waiting = new Map<string, Unacknowledged>()
  let state: ClientState = 'connecting'
  let socket: WebSocket | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let sent = 0
  /** Tries in a row that brought no message. */
  let tries = 0
  let seen: unknown
  /** How many messages may be sent now, as of `countedAtMs`. */
  let allowance = AT_ONCE
  let countedAtMs = 0
  let givingUp: ReturnType<typeof setTimeout> | undefined
  let pacing: ReturnType<typeof setTimeout> | undefined
  let listening: ReturnType<typeof setTimeout> | undefined
  let heardAtMs = 0

  const become = (next: ClientState): void => {
    if (state === next) return
    state = next
    onState(next)
  }

  const connect = (): void => {
    become('connecting')
    const own = new Socket(url)
    let hasOpened = false
    socket = own
    listening = setTimeout(() => leave(own, false), OPEN_WITHIN_MS)
    own.addEventListener('open', () => {
      if (socket !== own) return
      clearTimeout(listening)
      hasOpened = true
      become('open')
      heardAtMs = performance.now()
      listenOn(own)
      for (const each of waiting.values()) each.isSent = false
      sendHello()
      sendMore()
    })
    own.addEventListener('message', ({ data }) => {
      // A connection that was left may still deliver what it had received.
      if (socket !== own) return
      heardAtMs = performance.now()
      if (data !== KEEP_ALIVE) receive(JSON.parse(String(data)) as ClientMessage)
    })
    own.addEventListener('close', ({ code, reason }) => {
      if (socket !== own || state === 'closed') return
      socket = undefined
      clearTimeout(listening)
      if (code === SESSION_ENDED) end()
      else
        void comeBack(hasOpened, {
          askedMs: RETRY_AFTER.exec(reason)?.[1],
          limitMinMs: code === STORE_OUT ? STORE_OUT_PAUSE_MS : 0,
        })
    })
  }

  const listenOn = (own: WebSocket): void => {
    const leftMs = heardAtMs + quietMs - performance.now()
    if (leftMs <= 0) ask(own)
    else listening = setTimeout(() => listenOn(own), leftMs)
  }

  const ask = (own: WebSocket): void => {
    const askedAtMs = performance.now()
    own.send(KEEP_ALIVE)
    const judge = (): void => {
      if (heardAtMs >= askedAtMs) listenOn(own)
      else leave(own, true)
    }
    // After a stall of this program the answer may have arrived and not been read: that happens before the second timer.
    listening = setTimeout(() => (listening = setTimeout(judge, 0)), KEEP_ALIVE_WITHIN_MS)
  }

  /** Without its close, which would wait for an answer too. */
  const leave = (own: WebSocket, hasOpened: boolean): void => {
    socket = undefined
    own.close()
    void comeBack(hasOpened, { askedMs: undefined, limitMinMs: 0 })
  }

  /** After the pause that the server asked for, or a random one that grows. */
  const comeBack = async (hasOpened: boolean, { askedMs, limitMinMs }: Pause): Promise<void> => {
    become('waiting')
    const goesOn = hasOpened || (await hasSession().catch(() => true))
    if (state !== 'waiting') return
    if (!goesOn) return end()
    const limitMs = Math.max(limitMinMs, Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** tries++))
    timer = setTimeout(connect, askedMs === undefined ? Math.random() * limitMs : Number(askedMs))
  }

  const receive = (message: ClientMessage): void => {
    tries = 0
    if (message['version'] !== undefined) seen = message['version']
    const { id } = message
    const own = id === undefined ? undefined : waiting.get(id)
    if (id !== undefined && own !== undefined) settle(id, own, message)
    onMessage(message)
  }

  const settle = (id: string, { text, resolve, reject }: Unacknowledged, message: ClientMessage): void => {
    const code = message.type === 'error' ? String(message['code']) : undefined
    if (code !== undefined && SENT_AGAIN.has(code)) {
      setTimeout(() => waiting.has(id) && sendText(text), AGAIN_MS)
      return
    }
    waiting.delete(id)
    sendMore()
    // Its result is in the state that the server tells then.
    if (code === DONE_BEFORE) sendHello()
    if (code === undefined || code === DONE_BEFORE) resolve(message)
    else reject(new MessageRefusedError(code, String(message['message'])))
  }

  const sendHello = (): void => sendText(JSON.stringify({ type: 'hello', ...(seen !== undefined && { seen }) }))

  /** In their order, as many as may be sent now. */
  const sendMore = (): void => {
    if (state !== 'open') return
    let sentNow = 0
    for (const each of waiting.values()) {
      if (++sentNow > SENT_MAX) return
      if (each.isSent) continue
      if (!mayBeSent()) {
        pacing ??= setTimeout(() => {
          pacing = undefined
          sendMore()
        }, 1_000 / PER_SECOND)
        return
      }
      each.isSent = true
      sendText(each.text)
    }
  }

  const mayBeSent = (): boolean => {
    const nowMs = performance.now()
    allowance = Math.min(AT_ONCE, allowance + ((nowMs - countedAtMs) * PER_SECOND) / 1_000)
    countedAtMs = nowMs
    if (allowance < 1) return false
    allowance -= 1
    return true
  }

  const sendText = (text: string): void => {
    if (state === 'open') socket?.send(text)
  }

  /** The oldest stand first. */
  const giveUpOld = (): void => {
    givingUp = undefined
    for (const [id, { atMs, reject }] of waiting) {
      const leftMs = atMs + answerWithinMs - Date.now()
      if (leftMs > 0) {
        givingUp = setTimeout(giveUpOld, leftMs)
        break
      }
      waiting.delete(id)
      reject(new MessageLostError())
    }
    sendMore()
  }

  const stop = (as: 'ended' | 'closed'): void => {
    clearTimeout(timer)
    clearTimeout(pacing)
    clearTimeout(givingUp)
    clearTimeout(listening)
    become(as)
    for (const { reject } of waiting.values()) reject(new MessageLostError())
    waiting.clear()
  }

  const end = (): void => stop('ended')

  connect()

  return {
    get state() {
      return state
    },

    get unacknowledged() {
      return waiting.size
    },

    send(type, fields = {}) {
      if (state === 'ended' || state === 'closed') return Promise.reject(new MessageLostError())
      const id = `${prefix}-${++sent}`
      const text = JSON.stringify({ ...fields, type, id })
      return new Promise((resolve, reject) => {
        waiting.set(id, { text, isSent: false, atMs: Date.now(), resolve, reject })
        givingUp ??= setTimeout(giveUpOld, answerWithinMs)
        sendMore()
      })
    },

    close() {
      if (state === 'closed') return
      stop('closed')
      socket?.close(1000)
    },
  }
}
