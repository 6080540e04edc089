/**
 * The admin API for operators and the lab, on a port of its own, because every path of the public port belongs to the nodes. With
 * ADMIN_TOKEN, everything but the two health checks needs the token. Without it the port is on loopback only: every process of this
 * machine may read and none may change anything, and the Host must name this machine, or any web page could have a browser read
 * it (DNS rebinding).
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { boundAdminConnections } from './admin-connections.ts'
import { ConfigError } from '../config/config-values.ts'
import { DECISION_KINDS, DECISIONS_MAX } from '../telemetry/decisions.ts'
import { exposition } from '../telemetry/metrics.ts'
import type { Operations } from './operations.ts'
import { OperationError } from '../upstreams/change.ts'
import type { Change } from '../upstreams/change.ts'
import { WEIGHT_MAX } from '../config/upstream-list.ts'

const REQUEST_TIMEOUT_MS = 10_000
const CONNECTIONS_MAX = 100
const BODY_BYTES_MAX = 10_000
const DRAIN_MS_MAX = 3_600_000

/** Stands for a target that can't be parsed, such as `//`. */
const NOWHERE = new URL('http://admin')
const OPEN_PATHS = new Set(['/healthz', '/readyz'])
const OWN_NAME = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i

/** `token`: undefined where none is configured. Read at each request, since a reload may change it. */
export function admin(operations: Operations, token: () => string | undefined): Server {
  const server = createServer({ headersTimeout: REQUEST_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS })
  boundAdminConnections(server, { connectionsMax: CONNECTIONS_MAX, waitMaxMs: REQUEST_TIMEOUT_MS })
  server.on('request', (request, response) => {
    answer(request, operations, token())
      .catch((error: unknown) => told(error))
      .then(({ status, headers, body }) => {
        // The rest of a body that was not read would be taken for the next request.
        if (!request.complete) response.setHeader('Connection', 'close')
        response.writeHead(status, { 'Cache-Control': 'no-store', ...headers }).end(body)
      })
      .catch(() => response.destroy())
  })
  return server
}

interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

async function answer(request: IncomingMessage, operations: Operations, token: string | undefined): Promise<Reply> {
  const { method = '', url = '' } = request
  const { pathname, searchParams } = URL.parse(url, 'http://admin') ?? NOWHERE
  const asks = method === 'GET' || method === 'HEAD'
  if (!OPEN_PATHS.has(pathname)) {
    const refusal = refusalOf(request, asks, token)
    if (refusal !== undefined) return refusal
  }
  const reply = asks ? await asked(pathname, searchParams, operations) : await changed(request, pathname, operations)
  return reply ?? unknown(pathname, asks)
}

function refusalOf(request: IncomingMessage, asks: boolean, token: string | undefined): Reply | undefined {
  if (token !== undefined) {
    if (isSame(request.headers.authorization ?? '', `Bearer ${token}`)) return undefined
    const { status, headers, body } = refused(401, 'UNAUTHORIZED', 'This needs Authorization: Bearer and ADMIN_TOKEN.')
    return { status, headers: { ...headers, 'WWW-Authenticate': 'Bearer' }, body }
  }
  if (!OWN_NAME.test(request.headers.host ?? '')) {
    return refused(403, 'FORBIDDEN', 'Without ADMIN_TOKEN this answers only under a name of this machine.')
  }
  return asks ? undefined : refused(403, 'FORBIDDEN', 'Nothing can be changed here unless ADMIN_TOKEN is set.')
}

/** Hashed, since only texts of one length can be compared in constant time. */
function isSame(left: string, right: string): boolean {
  return timingSafeEqual(hash('sha256', left, 'buffer'), hash('sha256', right, 'buffer'))
}

async function asked(path: string, query: URLSearchParams, operations: Operations): Promise<Reply | undefined> {
  switch (path) {
    case '/healthz':
      return json(200, { healthy: true })
    case '/readyz':
      return json(operations.ready ? 200 : 503, { ready: operations.ready })
    case '/upstreams':
      return json(200, { upstreams: await operations.upstreams() })
    case '/decisions': {
      const kind = DECISION_KINDS.find((each) => each === query.get('kind'))
      if (kind === undefined && query.has('kind')) return invalid(`kind is one of ${DECISION_KINDS.join(', ')}.`)
      const limit = whole(query.get('limit') ?? String(DECISIONS_MAX), 1, DECISIONS_MAX)
      if (limit === undefined) return invalid(`limit is a whole number from 1 to ${DECISIONS_MAX}.`)
      return json(200, { decisions: await operations.decisions(limit, kind) })
    }
    case '/metrics': {
      const { contentType, text: body } = await exposition(await operations.metrics())
      return { status: 200, headers: { 'Content-Type': contentType }, body }
    }
    default:
      return undefined
  }
}

const UPSTREAM_PATH = /^\/upstreams\/([A-Za-z0-9_-]{1,128})(?:\/(drain|resume))?$/

async function changed(request: IncomingMessage, path: string, operations: Operations): Promise<Reply | undefined> {
  const { method } = request
  if (path === '/reload' && method === 'POST') {
    await operations.reload()
    return json(200, { reloaded: true })
  }
  const [, name, act] = UPSTREAM_PATH.exec(path) ?? []
  const wish = path === '/upstreams' && method === 'POST' ? 'add' : name && wishOf(method, act)
  if (wish === undefined || wish === '') return undefined
  const change = changeOf(wish, name ?? '', await bodyOf(request))
  if (typeof change === 'string') return invalid(change)
  await operations.change(change)
  return json(wish === 'add' ? 201 : wish === 'drain' || wish === 'remove' ? 202 : 200, { done: change })
}

function wishOf(method: string | undefined, act: string | undefined): Change['do'] | undefined {
  if (method === 'POST') return act === 'drain' || act === 'resume' ? act : undefined
  if (act !== undefined) return undefined
  return method === 'DELETE' ? 'remove' : method === 'PATCH' ? 'weigh' : undefined
}

/** The change, or what is wrong with it. */
function changeOf(wish: Change['do'], name: string, body: Readonly<Record<string, unknown>>): Change | string {
  const { upstream, weight, withinMs } = body
  switch (wish) {
    case 'add':
      return typeof upstream === 'string'
        ? { do: wish, upstream }
        : 'upstream is a text such as "d=http://127.0.0.1:8084".'
    case 'weigh': {
      const wanted = whole(weight, 1, WEIGHT_MAX)
      return wanted === undefined
        ? `weight is a whole number from 1 to ${WEIGHT_MAX}.`
        : { do: wish, name, weight: wanted }
    }
    case 'resume':
      return { do: wish, name }
    case 'drain':
    case 'remove': {
      if (withinMs === undefined) return { do: wish, name }
      const within = whole(withinMs, 0, DRAIN_MS_MAX)
      if (within === undefined) return `withinMs is a whole number from 0 to ${DRAIN_MS_MAX}.`
      return { do: wish, name, withinMs: within }
    }
  }
}

/** Throws OperationError for a body that is too large or no JSON object. An empty body is an empty object. */
async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const pieces: Buffer[] = []
  let bytes = 0
  // A body that is too large is read to its end, but not kept: a client that still sends may not see an answer.
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes <= BODY_BYTES_MAX) pieces.push(piece)
  }
  if (bytes > BODY_BYTES_MAX) {
    throw new OperationError('BODY_TOO_LARGE', `The body is to have at most ${BODY_BYTES_MAX} bytes.`)
  }
  const said = Buffer.concat(pieces).toString().trim()
  try {
    const body: unknown = said === '' ? {} : JSON.parse(said)
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>
  } catch {
    // Refused below, like any other value that is no object.
  }
  throw new OperationError('INVALID', 'The body is to be a JSON object.')
}

function whole(value: unknown, min: number, max: number): number | undefined {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max ? number : undefined
}

const STATUS_OF_FAULT = {
  INVALID: 422,
  BODY_TOO_LARGE: 413,
  NOT_FOUND: 404,
  NAME_TAKEN: 409,
  NOT_SUPPORTED: 501,
} as const

function told(error: unknown): Reply {
  if (error instanceof OperationError) return refused(STATUS_OF_FAULT[error.code], error.code, error.message)
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof ConfigError) return json(422, { error: { code: 'CONFIG', message, faults: error.faults } })
  return refused(500, 'FAILED', message)
}

const PATHS = 'There are /healthz, /readyz, /upstreams, /decisions, /metrics and /reload.'

function unknown(path: string, asks: boolean): Reply {
  const known = asks ? undefined : ['/healthz', '/readyz', '/decisions', '/metrics', '/upstreams'].includes(path)
  if (known === true || (asks && path === '/reload')) {
    const allow = path === '/reload' ? 'POST' : path === '/upstreams' ? 'GET, HEAD, POST' : 'GET, HEAD'
    const { status, headers, body } = refused(405, 'METHOD_NOT_ALLOWED', `Only ${allow} are allowed here.`)
    return { status, headers: { ...headers, Allow: allow }, body }
  }
  return refused(404, 'NOT_FOUND', PATHS)
}

function invalid(message: string): Reply {
  return refused(422, 'INVALID', message)
}

function refused(status: number, code: string, message: string): Reply {
  return json(status, { error: { code, message } })
}

function json(status: number, body: unknown): Reply {
  return { status, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body: `${JSON.stringify(body)}\n` }
}
