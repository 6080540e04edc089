import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { networkInterfaces } from 'node:os'
import { pageFile } from '@ninelives/dashboard'
import { ApiError, LabError, PortInUseError, UsageError } from '../errors.ts'
import { boundConnections } from './connections.ts'
import { EventStream } from './event-stream.ts'
import { type Door, hostOf, loopbackDoor, requireOwnPage, tokenDoor } from './guard.ts'
import { sendJson } from './json.ts'
import { type Controlled, labRoutes } from './lab-routes.ts'
import { type Route, runRoutes } from './routes.ts'

export type { ChooseStrategy } from './strategy-request.ts'

export interface ControlServer {
  readonly url: string
  /** The live page for other devices, with the token in the fragment, which no browser sends to a server. */
  readonly elsewhereUrl?: string
  close(): Promise<void>
}

const BOUNDS = { connectionsMax: 256, waitingPerAddressMax: 64, waitMaxMs: 10_000 }
const TOKEN_BYTES = 16

export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url')
}

/** The routes by the beginning of their paths, which is replaced by `/api/`. */
type Api = Readonly<Record<'/api/' | '/beside/api/', readonly Route[]>>

/**
 * Serves the control API and the live page on loopback, and with `host` at that address of this machine too, for requests with a token.
 * Rejects with PortInUseError or UsageError.
 */
export async function controlServer(controlled: Controlled, port: number, host?: string): Promise<ControlServer> {
  const events = [new EventStream(controlled.runs), new EventStream(controlled.beside)] as const
  const api: Api = {
    '/api/': [...labRoutes(controlled), ...runRoutes(controlled.runs, events[0])],
    '/beside/api/': runRoutes(controlled.beside, events[1]),
  }
  return await serveApi(api, events, port, host)
}

/**
 * Serves these routes, and the live page. `streams` are closed with it. `door` is another than loopback in a container, whose port is
 * published. Rejects with PortInUseError or UsageError.
 */
export async function serveApi(
  api: Api,
  streams: readonly { close(): void }[],
  port: number,
  host?: string,
  door: Door = loopbackDoor,
): Promise<ControlServer> {
  const servers: Server[] = []
  const open = async (opened: Door, at: number): Promise<number> => {
    const server = createServer()
    servers.push(server)
    boundConnections(server, BOUNDS)
    server.on('request', (request, response) => void answer(api, opened, request, response))
    return await listen(server, opened.address, at)
  }
  try {
    const own = await open(door, port)
    const url = `http://${hostOf(loopbackDoor.address, own)}`
    const closing = { close: () => close(servers, streams) }
    if (host === undefined) return { url, ...closing }
    const token = newToken()
    await open(tokenDoor(host, own, token), own)
    return { url, elsewhereUrl: `http://${hostOf(host, own)}/#token=${token}`, ...closing }
  } catch (error) {
    await close(servers, streams)
    throw error
  }
}

async function answer(api: Api, door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('Cache-Control', 'no-store')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
  try {
    door.requireHost(request)
    await dispatch(api, door, request, response)
  } catch (error) {
    sendError(response, error)
  }
}

async function dispatch(api: Api, door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  // Any page may link to the live page; only API requests are guarded.
  const side = path.startsWith('/beside/api/') ? '/beside/api/' : '/api/'
  if (!path.startsWith(side)) return sendPage(path, request, response)
  requireOwnPage(request)
  if (path === '/api/entrance' && request.method === 'POST' && door.enter !== undefined) {
    request.resume()
    return door.enter(request, response)
  }
  door.requireToken(request)
  const own = path.replace(side, '/api/')
  const there = api[side].filter((route) => route.path.test(own))
  if (there.length === 0) throw notFound(path)
  const route = there.find(({ method }) => method === request.method)
  if (route === undefined) throw notAllowed(response, path, there.map(({ method }) => method).join(', '))
  if (route.takesBody !== true) request.resume()
  await route.handle(request, response, decodeParameter(route.path.exec(own)?.[1] ?? ''))
}

function decodeParameter(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new ApiError(400, 'BAD_PATH', `"${text}" is not percent-encoded UTF-8`)
  }
}

function sendPage(path: string, { method }: IncomingMessage, response: ServerResponse): void {
  const file = pageFile(path)
  if (file === undefined) throw notFound(path)
  if (method !== 'GET' && method !== 'HEAD') throw notAllowed(response, path, 'GET, HEAD')
  response.writeHead(200, file.headers).end(method === 'HEAD' ? undefined : file.body)
}

function notFound(path: string): ApiError {
  return new ApiError(404, 'NOT_FOUND', `there is nothing at ${path}`)
}

function notAllowed(response: ServerResponse, path: string, methods: string): ApiError {
  response.setHeader('Allow', methods)
  return new ApiError(405, 'METHOD_NOT_ALLOWED', `${path} takes ${methods}`)
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const status = error instanceof ApiError ? error.status : 500
  const code = error instanceof LabError ? error.code : 'INTERNAL'
  // The rest of a refused body must not be read as the next request.
  if (status === 413) response.setHeader('Connection', 'close')
  sendJson(response, status, { error: { code, message: (error as Error).message } })
}

/** Resolves with the port. */
function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') return reject(new PortInUseError('the live page', port))
      reject(error.code === 'EADDRNOTAVAIL' ? notHere(host) : error)
    })
    server.listen({ host, port }, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })
}

function notHere(host: string): UsageError {
  const others = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ internal, address, family }) => (internal || family === 'IPv6' ? [] : [address]))
  const known = others.length === 0 ? 'it has none but loopback' : `it has ${others.join(', ')}`
  return new UsageError(`--host ${host} is no address of this machine; ${known}`)
}

async function close(servers: readonly Server[], streams: readonly { close(): void }[]): Promise<void> {
  for (const stream of streams) stream.close()
  await Promise.all(
    servers.map((server) => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      return closed
    }),
  )
}
