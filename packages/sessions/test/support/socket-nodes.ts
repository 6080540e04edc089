/** Nodes of an application with sockets, over one SQLite file, and clients with a cookie. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ExecutionContext } from 'ava'
import Koa from 'koa'
import { WebSocket } from 'ws'
import type { SessionStore } from '../../src/contract.ts'
import { type SessionLayer, sessions, type SessionsOptions } from '../../src/koa/koa.ts'
import { type SessionSockets, sessionSockets, type SessionSocketsOptions } from '../../src/sockets/index.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { type Client, client, KEY } from './shop.ts'

export interface Fields {
  user: string
  x: number
  log: string[]
}

export interface SocketNode {
  readonly origin: string
  readonly layer: SessionLayer
  readonly sockets: SessionSockets<Fields>
  /** How many connections its server has, upgraded or not. */
  connections(): Promise<number>
}

type Options = Partial<SessionsOptions<Fields>> & {
  readonly sockets?: Partial<SessionSocketsOptions<Fields>>
  /** Has sockets too, beside `/live`. */
  readonly secondPath?: string
}

/** `urlOf` names another store that lies over the file. */
export function sqliteStores(t: ExecutionContext, urlOf = (url: string): string => url): () => Promise<SessionStore> {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-sockets-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return async () => {
    const store = await openStore(urlOf(`sqlite:${join(directory, 'sessions.db')}`))
    await store.open()
    t.teardown(() => store.close())
    return store
  }
}

/** `GET /login?user=`, `/logout`, `/rotate`, `/x` and `/add?x=`; messages `move` with `dx`, and `look`. */
export async function socketNode(
  t: ExecutionContext,
  store: SessionStore,
  { sockets: socketOptions, secondPath, ...options }: Options = {},
): Promise<SocketNode> {
  const app = new Koa()
  app.silent = true
  const layer = sessions<Fields>(app, { store, keys: [KEY], secure: false, ...options })
  app.use(async (ctx) => {
    const session = ctx.session as unknown as Partial<Fields> | null
    switch (ctx.path) {
      case '/login':
        Object.assign(session ?? {}, { user: String(ctx.query['user'] ?? 'u') })
        break
      case '/logout':
        ctx.session = null
        break
      case '/rotate':
        await ctx.session.regenerate()
        break
      case '/add':
        await ctx.session.update('add', (draft) =>
          Object.assign(draft, { x: Number(draft['x'] ?? 0) + Number(ctx.query['x']) }),
        )
        break
      default:
        await ctx.session?.update('visit', (draft) => Object.assign(draft, { visited: true }))
    }
    ctx.body = { ...ctx.session }
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const given: SessionSocketsOptions<Fields> = {
    server,
    path: '/live',
    onConnection: (socket) => ({
      hello: () => {},
      move: async ({ id, dx }) => {
        const x = await socket.session.update('move', (draft) => (draft.x = (draft.x ?? 0) + Number(dx)))
        socket.send({ type: 'moved', id, x, version: socket.session.version })
      },
      look: async ({ id }) => socket.send({ type: 'seen', id, ...(await socket.session.read()) }),
    }),
    ...socketOptions,
  }
  const sockets = sessionSockets<Fields>(layer, given)
  const second = secondPath === undefined ? undefined : sessionSockets<Fields>(layer, { ...given, path: secondPath })
  t.teardown(() => {
    sockets.close()
    second?.close()
    server.close()
    server.closeAllConnections()
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    layer,
    sockets,
    connections: promisify(server.getConnections.bind(server)),
  }
}

export async function loggedIn({ origin }: SocketNode, user = 'u'): Promise<Client> {
  const browser = client(origin)
  await browser.get(`/login?user=${user}`)
  return browser
}

export interface Heard {
  readonly type: string
  readonly [field: string]: unknown
}

export interface SocketClient {
  readonly webSocket: WebSocket
  readonly heard: readonly Heard[]
  send(message: object): void
  /** Sends it, and resolves the first message with its id after that. */
  ask(message: { readonly id: string; readonly type: string; readonly [field: string]: unknown }): Promise<Heard>
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
}

export async function socketAt(
  t: ExecutionContext,
  { origin }: Pick<SocketNode, 'origin'>,
  { cookie }: { readonly cookie: string | undefined },
  headers: Readonly<Record<string, string>> = {},
  path = '/live',
): Promise<SocketClient> {
  const webSocket = new WebSocket(`${origin.replace('http', 'ws')}${path}`, {
    headers: { ...(cookie !== undefined && { cookie }), ...headers },
  })
  t.teardown(() => webSocket.terminate())
  const heard: Heard[] = []
  const waiting = new Map<string, (message: Heard) => void>()
  webSocket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Heard
    heard.push(message)
    const { id } = message
    if (typeof id !== 'string') return
    waiting.get(id)?.(message)
    waiting.delete(id)
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    webSocket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  await once(webSocket, 'open')
  return {
    webSocket,
    heard,
    closed,
    send: (message) => webSocket.send(JSON.stringify(message)),
    ask: (message) =>
      new Promise((resolve) => {
        waiting.set(message.id, resolve)
        webSocket.send(JSON.stringify(message))
      }),
  }
}

/** The status with which an upgrade was refused. */
export async function refusedAt(
  t: ExecutionContext,
  node: Pick<SocketNode, 'origin'>,
  bearer: { readonly cookie: string | undefined },
  headers: Readonly<Record<string, string>> = {},
): Promise<number> {
  try {
    await socketAt(t, node, bearer, headers)
    return 101
  } catch (error) {
    return Number(/Unexpected server response: (\d+)/.exec(String(error))?.[1])
  }
}
