/**
 * What of a header goes to the other side. Hop-by-hop fields end here (RFC 9110, section 7.6.1), those named by Connection
 * included, and so does everything by which a client could pass itself off as another: whatever it says about forwarding
 * or request ids is dropped and written anew. Where a trusted proxy says it, it stays, and this hop is added.
 *
 * Framing is never copied blindly: Content-Length and Transfer-Encoding can't be removed by naming them in Connection,
 * because the body would then travel without a length and its end become the next request.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

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

/**
 * What a client could say about itself, and no node should believe, with `_` for `-` neither: servers that hand fields to
 * programs as variables take them for the same.
 */
const SAID_BY_STRANGERS = /^(?:x[-_]forwarded[-_]|(?:forwarded|x[-_]real[-_]ip|x[-_]request[-_]id)$)/

/** What Connection can't take away. */
const UNREMOVABLE = new Set(['host', 'content-length'])

/** Whom a connection comes from. */
export interface ClientOrigin {
  readonly address: string
  /** By TLS. */
  readonly secure: boolean
  /** A proxy whose word about the client before it is taken. */
  readonly trusted: boolean
}

export interface Forwarding {
  readonly client: ClientOrigin
  readonly host: string | undefined
  readonly requestId: string
  readonly websocket: boolean
  /** The connection is to end with this request. */
  readonly last?: boolean
}

/** The header that goes to the upstream, from the client's. */
export function requestHeaders(received: IncomingHttpHeaders, to: Forwarding): OutgoingHttpHeaders {
  const { trusted } = to.client
  const named = namedByConnection(received.connection)
  const headers: OutgoingHttpHeaders = {}
  for (const name of Object.keys(received)) {
    if (endsHere(name, named) || (!trusted && isSaidByStrangers(name))) continue
    headers[name] = received[name]
  }
  if (to.host !== undefined) headers['host'] = headers['x-forwarded-host'] = to.host
  headers['x-forwarded-for'] = to.client.address
  headers['x-forwarded-proto'] = to.client.secure ? 'https' : 'http'
  headers['forwarded'] = forwarded(to)
  if (trusted) append(headers, received)
  headers['x-request-id'] = to.requestId
  if (received['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked'
  if (to.websocket) {
    headers['connection'] = 'Upgrade'
    headers['upgrade'] = 'websocket'
  } else if (to.last === true) {
    headers['connection'] = 'close'
  }
  return headers
}

const REQUEST_ID = /^[\w.:@=+/-]{1,128}$/

/** The id that a trusted proxy gave the request, if it is one that can stand in any log. */
export function requestIdFrom(received: IncomingHttpHeaders, { trusted }: ClientOrigin): string | undefined {
  const said = trusted ? received['x-request-id'] : undefined
  return typeof said === 'string' && REQUEST_ID.test(said) ? said : undefined
}

/** What stands there already is about the hops before this one, the client's own first. */
function append(headers: OutgoingHttpHeaders, received: IncomingHttpHeaders): void {
  const before = received['x-forwarded-for']
  const said = received.forwarded ?? (before === undefined ? undefined : forwardedFrom(String(before)))
  if (before !== undefined) headers['x-forwarded-for'] = `${String(before)}, ${String(headers['x-forwarded-for'])}`
  if (said !== undefined) headers['forwarded'] = `${said}, ${String(headers['forwarded'])}`
  for (const name of ['x-forwarded-host', 'x-forwarded-proto']) {
    if (received[name] !== undefined) headers[name] = received[name]
  }
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

/** Most names begin with another letter, and are never looked at twice. */
function isSaidByStrangers(name: string): boolean {
  return (name.startsWith('x') || name.startsWith('f')) && SAID_BY_STRANGERS.test(name)
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
function forwarded({ client, host }: Forwarding): string {
  const from = client.address.includes(':') ? `"[${client.address}]"` : client.address
  const proto = client.secure ? 'https' : 'http'
  return host === undefined ? `for=${from};proto=${proto}` : `for=${from};host="${host}";proto=${proto}`
}

/** A proxy that writes only X-Forwarded-For is not to look like the client to a node that reads only Forwarded. */
function forwardedFrom(addresses: string): string {
  return addresses
    .split(',')
    .map((address) => address.trim())
    .map((address) => (isIP(address) === 0 ? 'unknown' : address))
    .map((address) => (address.includes(':') ? `for="[${address}]"` : `for=${address}`))
    .join(', ')
}
