/**
 * What of a header goes to the other side. Hop-by-hop fields end here (RFC 9110, section 7.6.1), those named by Connection
 * included, and so does everything by which a client could pass itself off as another: whatever it says about forwarding
 * or request ids is dropped and written anew.
 *
 * Framing is never copied blindly: Content-Length and Transfer-Encoding can't be removed by naming them in Connection,
 * because the body would then travel without a length and its end become the next request.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'

const HOP_BY_HOP = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What a client could say about itself, and no node should believe. `x-forwarded-*` comes on top. */
const SAID_BY_STRANGERS = new Set(['forwarded', 'x-real-ip', 'x-request-id'])

/** What Connection can't take away. */
const UNREMOVABLE = new Set(['host', 'content-length'])

export interface Forwarding {
  readonly clientAddress: string
  readonly host: string | undefined
  readonly requestId: string
  readonly websocket: boolean
}

/** The header that goes to the upstream, from the client's. */
export function requestHeaders(received: IncomingHttpHeaders, to: Forwarding): OutgoingHttpHeaders {
  const named = namedByConnection(received.connection)
  const headers: OutgoingHttpHeaders = {}
  for (const name of Object.keys(received)) {
    if (endsHere(name, named) || SAID_BY_STRANGERS.has(name) || name.startsWith('x-forwarded-')) continue
    headers[name] = received[name]
  }
  if (to.host !== undefined) headers['host'] = headers['x-forwarded-host'] = to.host
  headers['x-forwarded-for'] = to.clientAddress
  headers['x-forwarded-proto'] = 'http'
  headers['forwarded'] = forwarded(to)
  headers['x-request-id'] = to.requestId
  if (received['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked'
  if (to.websocket) {
    headers['connection'] = 'Upgrade'
    headers['upgrade'] = 'websocket'
  }
  return headers
}

export interface AnswerAdditions {
  readonly requestId: string
  /** Names and values by turns: what routing tells the client. */
  readonly fields: readonly string[]
  /** 'close' when this is the connection's last answer; undefined leaves it to the server. */
  readonly connection: 'close' | 'Upgrade' | undefined
}

/** The header that goes to the client, names and values by turns, in the upstream's own order and spelling. */
export function answerHeaders(raw: readonly string[], connection: string | undefined, add: AnswerAdditions): string[] {
  const named = namedByConnection(connection)
  const headers: string[] = []
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const lower = name.toLowerCase()
    if (endsHere(lower, named) || lower === 'x-request-id') continue
    headers.push(name, raw[index + 1] ?? '')
  }
  headers.push('X-Request-Id', add.requestId)
  if (add.fields.length > 0) headers.push(...add.fields)
  if (add.connection !== undefined) headers.push('Connection', add.connection)
  if (add.connection === 'Upgrade') headers.push('Upgrade', 'websocket')
  return headers
}

function endsHere(name: string, named: ReadonlySet<string> | undefined): boolean {
  return HOP_BY_HOP.has(name) || name.startsWith('proxy-') || name === 'proxy' || named?.has(name) === true
}

function namedByConnection(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined
  const names = connection.split(',').map((name) => name.trim().toLowerCase())
  return new Set(names.filter((name) => !UNREMOVABLE.has(name)))
}

/** RFC 7239. A colon or a bracket makes a value one that must be quoted. */
function forwarded({ clientAddress, host }: Forwarding): string {
  const from = clientAddress.includes(':') ? `"[${clientAddress}]"` : clientAddress
  return host === undefined ? `for=${from};proto=http` : `for=${from};host="${host}";proto=http`
}
