/** The sockets of one path: which upgrades are taken, which sockets there are, and when they are closed. */
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocketServer } from 'ws'
import type { SessionKey } from '../contract.ts'
import { SessionError, StoreUnavailableError } from '../errors.ts'
import type { Engine } from '../engine/engine.ts'
import type { OpenSession } from '../engine/session.ts'
import type { SessionDraft, SessionFields } from '../session-fields.ts'
import { requiredPackage } from '../optional-packages.ts'
import {
  assertGiven,
  checkedOptions,
  hasMethods,
  type Rules,
  SessionOptionsError,
  shown,
  take,
  WAIT_MAX_MS,
} from '../options.ts'
import type { SessionId } from '../secrets/id.ts'
import { SOCKET_ACCESS, type SocketAccess, type SocketLayer } from '../socket-access.ts'
import { indexKey } from '../users/user-index.ts'
import { endedFeed } from './ended-feed.ts'
import { SocketSession } from './socket-session.ts'
import {
  CLOSE,
  READ_BYTES_FACTOR,
  type SessionSocket,
  Socket,
  type SocketHandlers,
  type SocketLimits,
} from './socket.ts'

export interface SessionSocketsOptions<Fields extends object = SessionFields> extends Partial<SocketLimits> {
  readonly server: Server
  /** Exactly, without a query. */
  readonly path: string
  /** A socket is open. What it returns handles the messages of each type. */
  readonly onConnection: (socket: SessionSocket<Fields>) => SocketHandlers | Promise<SocketHandlers>
  /** Whether a session may have a socket, such as one of a user. If not, the upgrade is answered 401. Default: any may. */
  readonly admits?: (data: SessionDraft<Fields>) => boolean
  /** With `expressStore()` or `fastifyStore()`: the session's id that the middleware has found in the request's cookie. */
  readonly sessionIdOf?: (request: IncomingMessage) => string | undefined | Promise<string | undefined>
  /** Other origins whose pages may open a socket, such as `https://app.example.com`. */
  readonly allowedOrigins?: readonly string[]
  /** How many sockets one session may have at this node. Default 8. */
  readonly socketsPerSessionMax?: number
  /**
   * When the store is out: `close` the socket of a message with 1013, or `refuse` the message, or `read-only`: handle the message, in which
   * `session.read()` gives the fields as this socket last saw them, and an `update` refuses the message. Default `close`.
   */
  readonly outage?: 'close' | 'refuse' | 'read-only'
  /** What a handler threw, and why ends of sessions can't be told to other nodes, or heard from them, for now. */
  readonly onError?: (error: unknown) => void
  /** A socket was closed because its session has ended, so long after a node told that, by the clocks of both. */
  readonly onRevoked?: (afterMs: number) => void
}

export interface SocketsReport {
  readonly open: number
  /** The store's notifications tell this node of ended sessions. If not, it looks for them every 100 ms while it has sockets. */
  readonly notified: boolean
  readonly opened: number
  /** Upgrades that were refused, by status. */
  readonly refused: Readonly<Record<string, number>>
  /** Sockets that were closed, by code. */
  readonly closed: Readonly<Record<string, number>>
  /** Messages that a handler got, by type. */
  readonly messages: Readonly<Record<string, number>>
}

export interface SessionSockets<Fields extends object = SessionFields> {
  /** Those that are open. */
  readonly sockets: ReadonlySet<SessionSocket<Fields>>
  /** To all of them, made into text once. */
  broadcast(message: object): void
  report(): SocketsReport
  /**
   * The node leaves: takes no more upgrades, and closes every socket with 1012. Each client is told a delay of its own within `spreadMs`,
   * so that they do not all come back at once. Default: a millisecond for each socket.
   */
  close(options?: { readonly spreadMs?: number }): void
}

const PING_MS = 30_000
/** An end that no node told, such as one by a program without sockets, is noticed at such a look at the latest. */
const LOOK_MS = 30_000
const LOOKS_AT_ONCE = 16
/** Before a look at an expiry is tried again, while the store is out. */
const EXPIRY_AGAIN_MS = 1_000
const IDS_MAX = 4

const rules: Rules<SessionSocketsOptions> = {
  server: take.having('an HTTP server', 'on', 'address'),
  path: take.text,
  onConnection: take.function,
  admits: take.function,
  sessionIdOf: take.function,
  allowedOrigins: take.list,
  socketsPerSessionMax: take.wholeNumber(1),
  outage: take.oneOf('close', 'refuse', 'read-only'),
  onError: take.function,
  onRevoked: take.function,
  messageBytesMax: take.wholeNumber(2),
  messagesPerSecondMax: take.wholeNumber(1),
  waitingMessagesMax: take.wholeNumber(1),
  unsentBytesMax: take.wholeNumber(1),
}

export function sessionSockets<Fields extends object = SessionFields>(
  layer: SocketLayer,
  given: SessionSocketsOptions<Fields>,
): SessionSockets<Fields> {
  const access = accessOf(layer)
  const options = checkedOptions('sessionSockets()', given, rules as unknown as Rules<SessionSocketsOptions<Fields>>)
  assertGiven('sessionSockets()', options, 'server', 'path', 'onConnection')
  const presented = presentedBy(access.ids, options.sessionIdOf)
  const { engine, secure } = access
  const refusesNames = access.ids.by === 'cookie'
  const { server, path, onConnection, allowedOrigins = [], socketsPerSessionMax = 8, outage = 'close' } = options
  const { onError = () => {}, onRevoked = () => {}, admits = () => true } = options
  const limits: SocketLimits = {
    messageBytesMax: options.messageBytesMax ?? 16 * 1024,
    messagesPerSecondMax: options.messagesPerSecondMax ?? 50,
    waitingMessagesMax: options.waitingMessagesMax ?? 64,
    unsentBytesMax: options.unsentBytesMax ?? 1024 * 1024,
  }
  const { WebSocketServer: Server } = requiredPackage('sessionSockets()', 'ws') as {
    readonly WebSocketServer: typeof WebSocketServer
  }
  const webSockets = new Server({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: READ_BYTES_FACTOR * limits.messageBytesMax,
  })
  const sockets = new Set<Socket<Fields>>()
  /** By the session's key, and by that of its user's list of sessions. */
  const bySubject = new Map<SessionKey, Set<Socket<Fields>>>()
  const counts = { opened: 0, messages: tally(), refused: tally(), closed: tally() }
  let pings: NodeJS.Timeout | undefined
  let looks: NodeJS.Timeout | undefined
  let isLeaving = false
  /** Upgrades whose session is being read. */
  let opening = 0
  /** How often an end was told. */
  let ends = 0

  const feed = endedFeed({
    store: engine.store,
    clock: engine.clock,
    onEnded: (subject, toldAtMs) => {
      ends++
      if (subject === undefined) return void lookAtAll()
      const told = [...(bySubject.get(subject) ?? [])]
      for (const socket of told) socket.endToldAtMs ??= toldAtMs
      void lookAt(told, toldAtMs)
    },
    onFailed: onError,
  })
  const { endings } = engine
  endings.onEnded = chained(endings.onEnded, (subject) => feed.tell(subject))

  let isLooking = false
  let isToLookAgain = false

  /** One look at a time: those that are asked for meanwhile become one more. */
  const lookAtAll = async (): Promise<void> => {
    isToLookAgain = true
    if (isLooking) return
    isLooking = true
    while (isToLookAgain) {
      isToLookAgain = false
      await lookAt([...sockets])
    }
    isLooking = false
  }

  /** Closes those whose session has ended. */
  const lookAt = async (some: readonly Socket<Fields>[], toldAtMs?: number): Promise<void> => {
    const waiting = [...some]
    const look = async (): Promise<void> => {
      for (let socket = waiting.pop(); socket !== undefined; socket = waiting.pop()) await lookAtOne(socket, toldAtMs)
    }
    await Promise.all(Array.from({ length: Math.min(LOOKS_AT_ONCE, some.length) }, look))
  }

  /** False if the store did not say whether the session has ended. */
  const lookAtOne = async (socket: Socket<Fields>, toldAtMs?: number): Promise<boolean> => {
    try {
      if (await socket.session.isAlive()) {
        socket.endToldAtMs = undefined
        return true
      }
      // Where the store was out when that was told, another look finds it.
      const sinceMs = socket.endToldAtMs ?? toldAtMs
      if (socket.endSession() && sinceMs !== undefined) onRevoked(Math.max(0, engine.clock.now() - sinceMs))
      return true
    } catch (error) {
      if (error instanceof StoreUnavailableError) feed.doubt()
      // A record that can't be read is no reason to look at every session again.
      else if (!(error instanceof SessionError)) onError(error)
      return false
    }
  }

  const add = (socket: Socket<Fields>): void => {
    sockets.add(socket)
    counts.opened++
    for (const subject of subjectsOf(socket)) {
      const there = bySubject.get(subject)
      if (there === undefined) bySubject.set(subject, new Set([socket]))
      else there.add(socket)
    }
    awaitExpiry(socket)
    pings ??= setInterval(() => sockets.forEach((each) => each.ping()), PING_MS)
    looks ??= setInterval(() => void lookAtAll(), LOOK_MS)
  }

  const remove = (socket: Socket<Fields>, code: number): void => {
    count(counts.closed, code)
    sockets.delete(socket)
    for (const subject of subjectsOf(socket)) {
      const there = bySubject.get(subject)
      there?.delete(socket)
      if (there?.size === 0) bySubject.delete(subject)
    }
    rest()
  }

  const rest = (): void => {
    if (sockets.size + opening > 0) return
    clearInterval(pings)
    clearInterval(looks)
    pings = undefined
    looks = undefined
    feed.rest()
  }

  /** Each use moves the expiry; so it is looked at when the one that was known has come. */
  const awaitExpiry = (socket: Socket<Fields>): void => {
    let timer: NodeJS.Timeout | undefined
    const wait = (inMsMin: number): void => {
      const inMs = Math.max(inMsMin, socket.session.expiresAtMs - engine.clock.now())
      timer = setTimeout(() => void look(), Math.min(inMs, WAIT_MAX_MS))
    }
    const look = async (): Promise<void> => {
      const isKnown = await lookAtOne(socket)
      if (!socket.isClosing) wait(isKnown ? 1 : EXPIRY_AGAIN_MS)
    }
    socket.closed.addEventListener('abort', () => clearTimeout(timer), { once: true })
    wait(1)
  }

  /** Resolves the session that the request may use, or the status to refuse it with. */
  const sessionFor = async (request: IncomingMessage): Promise<OpenSession | number> => {
    if (isLeaving) return 503
    if (!isAllowed(request, { secure, allowedOrigins })) return 403
    const ids = await presented(request)
    if (ids.length === 0) return 401
    // From here on no end is missed.
    await feed.watch()
    const session = await openFirst(engine, ids, request.headers['user-agent'])
    return session !== undefined && admits(session.take() as SessionDraft<Fields>) ? session : 401
  }

  const open = async (request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> => {
    const endsBefore = ends
    const session = await sessionFor(request)
    if (typeof session === 'number') return refuse(stream, session)
    // Both may have changed while the session was read.
    if (isLeaving) return refuse(stream, 503)
    if ((bySubject.get(session.publicId as SessionKey)?.size ?? 0) >= socketsPerSessionMax) return refuse(stream, 429)
    webSockets.handleUpgrade(request, stream, head, (webSocket) => {
      const socket: Socket<Fields> = new Socket(
        webSocket,
        new SocketSession<Fields>(engine, session, { readsLastSeen: outage === 'read-only', refusesNames }),
        request,
        limits,
        {
          onError,
          onMessage: (type) => count(counts.messages, type),
          closesInOutage: outage === 'close',
          onClosed: (code) => remove(socket, code),
        },
      )
      add(socket)
      // This session may have been read before its end was told.
      if (ends !== endsBefore) void lookAtOne(socket)
      connect(socket).catch((error: unknown) => {
        onError(error)
        socket.close(1011, 'internal error')
      })
    })
  }

  const connect = async (socket: Socket<Fields>): Promise<void> => {
    const handlers = await onConnection(socket)
    if (!hasMethods(handlers, []))
      throw new SessionOptionsError(`onConnection returns the handlers of messages, not ${shown(handlers)}.`)
    socket.handle(handlers)
  }

  const refuse = (stream: Duplex, status: number): void => {
    count(counts.refused, status)
    const retry = status === 503 ? 'Retry-After: 1\r\n' : ''
    const text = STATUS_CODES[status] ?? ''
    // The client may keep its end open, and nothing reads this one.
    stream.once('finish', () => stream.destroy())
    stream.end(`HTTP/1.1 ${status} ${text}\r\nConnection: close\r\n${retry}Content-Length: 0\r\n\r\n`)
  }

  const onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    // HTTP has given the connection away: without a listener a reset by the client would end the process.
    stream.on('error', () => stream.destroy())
    const [requested = ''] = request.url?.split('?', 1) ?? []
    if (requested !== path) {
      // Another listener may know the path. Of ours, the first refuses what none of them knows.
      const isFirst = paths[0] === path
      if (isFirst && !paths.includes(requested) && server.listenerCount('upgrade') === paths.length) refuse(stream, 404)
      return
    }
    opening++
    open(request, stream, head)
      .catch((error: unknown) => {
        if (!(error instanceof SessionError)) onError(error)
        refuse(stream, error instanceof StoreUnavailableError ? 503 : 500)
      })
      .finally(() => {
        opening--
        rest()
      })
  }

  const paths = pathsOf(server)
  paths.push(path)
  server.on('upgrade', onUpgrade)

  return {
    sockets,

    broadcast(message) {
      const text = JSON.stringify(message)
      for (const socket of sockets) socket.sendText(text)
    },

    report: () => ({ open: sockets.size, notified: feed.isNotified, ...structuredClone(counts) }),

    close({ spreadMs = sockets.size } = {}) {
      isLeaving = true
      const each = spreadMs / Math.max(1, sockets.size)
      let delayMs = 0
      for (const socket of sockets) {
        socket.close(CLOSE.restart, `retry-after-ms=${Math.round(delayMs)}`)
        delayMs += each
      }
    },
  }
}

/** Without a prototype: a type of message may have any name. */
function tally(): Record<string, number> {
  return Object.create(null) as Record<string, number>
}

function count(counted: Record<string, number>, what: string | number): void {
  counted[what] = 1 + (counted[what] ?? 0)
}

const pathsByServer = new WeakMap<Server, string[]>()

/** Those that have sockets of ours. */
function pathsOf(server: Server): string[] {
  const paths = pathsByServer.get(server) ?? []
  pathsByServer.set(server, paths)
  return paths
}

/** Whether `sessionSockets()` takes the layer: false where the session is in its cookie. */
export function takesSockets(layer: SocketLayer): boolean {
  return layer[SOCKET_ACCESS].refused === undefined
}

function accessOf(layer: SocketLayer) {
  if (!hasMethods(layer, []) || !(SOCKET_ACCESS in layer))
    throw new SessionOptionsError(
      `sessionSockets() takes what sessions(), expressStore() or fastifyStore() returned first, not ${shown(layer)}.`,
    )
  const access = layer[SOCKET_ACCESS]
  if (access.refused !== undefined) throw new SessionOptionsError(`sessionSockets(): ${access.refused}`)
  return access
}

type Presented = (request: IncomingMessage) => Promise<readonly SessionId[]>

function presentedBy(ids: SocketAccess['ids'], sessionIdOf: SessionSocketsOptions['sessionIdOf']): Presented {
  if (ids.by === 'cookie') {
    if (sessionIdOf !== undefined)
      throw new SessionOptionsError('sessionSockets(): sessionIdOf is for expressStore() and fastifyStore().')
    return async (request) => ids.of(request).slice(0, IDS_MAX)
  }
  if (sessionIdOf === undefined)
    throw new SessionOptionsError(
      'sessionSockets() needs the option sessionIdOf here: it runs the session middleware on the request, and gives its session id.',
    )
  return async (request) => {
    const id = await sessionIdOf(request)
    return id === undefined ? [] : [ids.of(id)]
  }
}

async function openFirst(
  engine: Engine,
  ids: readonly SessionId[],
  device: string | undefined,
): Promise<OpenSession | undefined> {
  for (const id of ids) {
    const session = await engine.open(id, device)
    if (session?.info !== undefined) return session
  }
  return undefined
}

/** A browser names the page's origin in every upgrade, and no page can forge it. Other clients have no cookie to abuse. */
function isAllowed(
  { headers }: IncomingMessage,
  { secure, allowedOrigins }: { readonly secure: boolean; readonly allowedOrigins: readonly string[] },
): boolean {
  const { origin, host = '' } = headers
  if (origin === undefined || allowedOrigins.includes(origin)) return true
  if (!URL.canParse(origin)) return false
  const schemes = secure ? ['https'] : ['https', 'http']
  return schemes.some(
    (scheme) => URL.canParse(`${scheme}://${host}`) && new URL(`${scheme}://${host}`).origin === origin,
  )
}

function subjectsOf<Fields extends object>({ session }: Socket<Fields>): SessionKey[] {
  const key = session.id as SessionKey
  return session.user === undefined ? [key] : [key, indexKey(session.user)]
}

type Listener = (subject: SessionKey) => Promise<void>

/** Several paths of one application may have sockets. */
function chained(first: Listener | undefined, second: Listener): Listener {
  if (first === undefined) return second
  return async (subject) => {
    await Promise.all([first(subject), second(subject)])
  }
}
