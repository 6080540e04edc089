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
  /**
   * A message that has no answer for so long is given up. Default four minutes, and at most five: after that the server may not know the
   * message again, and would carry it out a second time.
   */
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
   * MessageRefusedError if that is an error, or if the message is larger than the server takes, and with MessageLostError if nothing was
   * heard within `answerWithinMs`: it may have been carried out.
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
const TOO_LARGE = 1009
const PAUSE_MIN_MS = 100
const PAUSE_MAX_MS = 10_000
/** A connection that lasted so long was a good one: the next pause is short again. */
const GOOD_AFTER_MS = 5_000
/** The least limit of the pause after that. A store that reads and can't write lets each connection begin well, so that `tries` stays low. */
const STORE_OUT_PAUSE_MS = 2_000
const ANSWER_WITHIN_MS = 4 * 60_000
const ANSWER_WITHIN_MAX_MS = 5 * 60_000
const QUIET_MS = 15_000
/** The server answers it at once, whatever else waits. */
const KEEP_ALIVE = '{"type":"keep-alive"}'
const KEEP_ALIVE_WITHIN_MS = 5_000
const OPEN_WITHIN_MS = 20_000
const RETRY_AFTER = /^retry-after-ms=(\d{1,6})$/
/** Unacknowledged messages over one connection: the server keeps the results of somewhat more. */
const SENT_MAX = 8
/** So many at once, too. Below what a server takes, so that many messages from an offline time are no flood. */
const PER_SECOND = 40
/** The server takes less. It closes the connection next. */
const TOO_MUCH = new Set(['TOO_FAST', 'TOO_MANY_WAITING'])
/** The message was not carried out, and may be later. */
const SENT_AGAIN = new Set(['STORE_UNAVAILABLE', 'SESSION_BUSY', 'SESSION_CONFLICT'])
const AGAIN_MS = 500
/** It was carried out when it was sent before. */
const DONE_BEFORE = 'ANSWER_NOT_KEPT'

/** Throws RangeError where `answerWithinMs` is not within five minutes. */
export function sessionClient(url: string, options: SessionClientOptions): SessionClient {
  const { onMessage, onState = () => {}, hasSession = async () => true } = options
  const { answerWithinMs = ANSWER_WITHIN_MS, quietMs = QUIET_MS, WebSocket: Socket = WebSocket } = options
  if (!(answerWithinMs > 0 && answerWithinMs <= ANSWER_WITHIN_MAX_MS))
    throw new RangeError(`answerWithinMs is above 0 and at most ${ANSWER_WITHIN_MAX_MS}, not ${answerWithinMs}`)
  const prefix = crypto.randomUUID()
  const waiting = new Map<string, Unacknowledged>()
  let state: ClientState = 'connecting'
  let socket: WebSocket | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let sent = 0
  /** Connections in a row that were short, or none, and had no message acknowledged. */
  let tries = 0
  /** Of the present connection. */
  let openedAtMs: number | undefined
  let seen: unknown
  let sentMax = SENT_MAX
  let perSecond = PER_SECOND
  /** How many messages may be sent now, as of `countedAtMs`. */
  let allowance = PER_SECOND
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
    socket = own
    openedAtMs = undefined
    listening = setTimeout(() => leave(own), OPEN_WITHIN_MS)
    own.addEventListener('open', () => {
      if (socket !== own) return
      clearTimeout(listening)
      become('open')
      openedAtMs = performance.now()
      heardAtMs = openedAtMs
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
      if (code === SESSION_ENDED) return end()
      if (code === TOO_LARGE) refuseLargest()
      void comeBack({
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
      else leave(own)
    }
    // After a stall of this program the answer may have arrived and not been read: that happens before the second timer.
    listening = setTimeout(() => (listening = setTimeout(judge, 0)), KEEP_ALIVE_WITHIN_MS)
  }

  /** Without its close, which would wait for an answer too. */
  const leave = (own: WebSocket): void => {
    socket = undefined
    own.close()
    void comeBack({ askedMs: undefined, limitMinMs: 0 })
  }

  /** After the pause that the server asked for, or a random one that grows. */
  const comeBack = async ({ askedMs, limitMinMs }: Pause): Promise<void> => {
    become('waiting')
    if (openedAtMs !== undefined && performance.now() - openedAtMs >= GOOD_AFTER_MS) tries = 0
    const goesOn = openedAtMs !== undefined || (await hasSession().catch(() => true))
    if (state !== 'waiting') return
    if (!goesOn) return end()
    const limitMs = Math.max(limitMinMs, Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** tries++))
    timer = setTimeout(connect, askedMs === undefined ? Math.random() * limitMs : Number(askedMs))
  }

  const receive = (message: ClientMessage): void => {
    if (message['version'] !== undefined) seen = message['version']
    const { id } = message
    const own = id === undefined ? undefined : waiting.get(id)
    if (id !== undefined && own !== undefined) settle(id, own, message)
    if (message.type === 'error' && TOO_MUCH.has(String(message['code']))) slowDown()
    onMessage(message)
  }

  const slowDown = (): void => {
    sentMax = Math.max(1, sentMax / 2)
    perSecond /= 2
  }

  /** The server does not say which message was too large. If one was, the largest was, and it was not carried out. */
  const refuseLargest = (): void => {
    let largest: string | undefined
    let bytesMax = 0
    for (const [id, { isSent, text }] of waiting) {
      const bytes = isSent ? new Blob([text]).size : 0
      if (bytes <= bytesMax) continue
      bytesMax = bytes
      largest = id
    }
    if (largest === undefined) return
    waiting.get(largest)?.reject(new MessageRefusedError('TOO_LARGE', 'The message is larger than the server takes.'))
    waiting.delete(largest)
  }

  const settle = (id: string, { text, resolve, reject }: Unacknowledged, message: ClientMessage): void => {
    const code = message.type === 'error' ? String(message['code']) : undefined
    if (code !== undefined && SENT_AGAIN.has(code)) {
      setTimeout(() => waiting.has(id) && sendText(text), AGAIN_MS)
      return
    }
    waiting.delete(id)
    tries = 0
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
      if (++sentNow > sentMax) return
      if (each.isSent) continue
      if (!mayBeSent()) {
        pacing ??= setTimeout(() => {
          pacing = undefined
          sendMore()
        }, 1_000 / perSecond)
        return
      }
      each.isSent = true
      sendText(each.text)
    }
  }

  const mayBeSent = (): boolean => {
    const nowMs = performance.now()
    allowance = Math.min(Math.max(1, perSecond), allowance + ((nowMs - countedAtMs) * perSecond) / 1_000)
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
