/**
 * Which fields of a header go to the other side. Hop-by-hop fields end here (RFC 9110, section 7.6.1), those named by Connection
 * included. So do all fields by which a client could claim to be another: those about forwarding and request ids are dropped and
 * written anew. Nodes get one client address, never a list: many servers read a list from the wrong end.
 *
 * Framing is never copied blindly: Content-Length and Transfer-Encoding can't be removed by naming them in Connection,
 * because the body would then travel without a length and its end become the next request.
 */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'

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
 * Fields about a client that no node may believe, also when spelled with `_` for `-`: servers that pass fields as variables (CGI, WSGI)
 * take both for the same.
 */
const FORWARDING = /^(?:x[-_]forwarded[-_]|(?:forwarded|x[-_]real[-_]ip|x[-_]request[-_]id)$)/

/** Fields that Connection can't remove. */
const UNREMOVABLE = new Set(['host', 'content-length'])

/** Kept from a trusted proxy, unread. */
const PROXYS_OWN = /^x-forwarded-(?!(?:for|host|proto)$)[a-z\d-]+$/

/** The client of a request. */
export interface ClientOrigin {
  readonly address: string
  /** Whether the connection is by TLS. */
  readonly secure: boolean
  /** Whether the connection is that of a trusted proxy. */
  readonly trusted: boolean
  /** The protocol and host of the client's request, as trusted proxies report them. */
  readonly proto?: 'http' | 'https' | undefined
  readonly host?: string | undefined
}

export interface Forwarding {
  readonly client: ClientOrigin
  readonly host: string | undefined
  readonly requestId: string
  readonly websocket: boolean
  /** The connection is to end with this request. */
  readonly last?: boolean
  /** The client takes trailers. */
  readonly trailers?: boolean
}

/** The header that goes to the upstream, from the client's. */
export function requestHeaders(received: IncomingHttpHeaders, to: Forwarding): OutgoingHttpHeaders {
  const { trusted } = to.client
  const named = namedByConnection(received.connection)
  const headers: OutgoingHttpHeaders = {}
  for (const name of Object.keys(received)) {
    if (endsHere(name, named) || isForwarding(name, trusted)) continue
    headers[name] = received[name]
  }
  const host = to.client.host ?? to.host
  const proto = to.client.proto ?? (to.client.secure ? 'https' : 'http')
  if (to.host !== undefined) headers['host'] = to.host
  if (host !== undefined) headers['x-forwarded-host'] = host
  headers['x-forwarded-for'] = to.client.address
  headers['x-forwarded-proto'] = proto
  headers['forwarded'] = forwarded(to.client.address, host, proto)
  headers['x-request-id'] = to.requestId
  if (received['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked'
  if (to.websocket) {
    headers['connection'] = 'Upgrade'
    headers['upgrade'] = 'websocket'
  } else if (to.trailers === true) {
    headers['te'] = 'trailers'
    headers['connection'] = to.last === true ? 'close, TE' : 'TE'
  } else if (to.last === true) {
    headers['connection'] = 'close'
  }
  return headers
}

/** RFC 9110, section 6.5.1: without this a proxy has to assume that the client would discard trailers. */
export function wantsTrailers({ headers, httpVersionMinor }: IncomingMessage): boolean {
  const { te } = headers as { readonly te?: string }
  return httpVersionMinor > 0 && te !== undefined && TRAILERS.test(te)
}

const TRAILERS = /(?:^|,)[ \t]*trailers[ \t]*(?:;|,|$)/i

const REQUEST_ID = /^[\w.:@=+/-]{1,128}$/

/** The id that a trusted proxy gave the request, if it is safe for logs. */
export function requestIdFrom(received: IncomingHttpHeaders, { trusted }: ClientOrigin): string | undefined {
  const said = trusted ? received['x-request-id'] : undefined
  return typeof said === 'string' && REQUEST_ID.test(said) ? said : undefined
}

export interface AnswerAdditions {
  readonly requestId: string
  /** Names and values by turns: what routing tells the client. */
  readonly fields: readonly string[]
  /** 'close' when this is the connection's last answer; undefined leaves it to the server. */
  readonly connection: 'close' | 'Upgrade' | undefined
  /** Trailers follow, so the Trailer field passes. */
  readonly trailers?: boolean
}

/** The header that goes to the client, names and values by turns, in the upstream's own order and spelling. */
export function answerHeaders(raw: readonly string[], connection: string | undefined, add: AnswerAdditions): string[] {
  const named = namedByConnection(connection)
  const headers: string[] = []
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const lower = name.toLowerCase()
    const isEnd = endsHere(lower, named) && !(lower === 'trailer' && add.trailers === true)
    if (isEnd || lower === 'x-request-id') continue
    headers.push(name, raw[index + 1] ?? '')
  }
  headers.push('X-Request-Id', add.requestId)
  if (add.fields.length > 0) headers.push(...add.fields)
  if (add.connection !== undefined) headers.push('Connection', add.connection)
  if (add.connection === 'Upgrade') headers.push('Upgrade', 'websocket')
  return headers
}

/** The fields of an interim answer as lines. It has no body, so it has no length. */
export function interimHeaders(raw: readonly string[], connection: string | undefined): string {
  const named = namedByConnection(connection)
  let lines = ''
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const lower = name.toLowerCase()
    if (!endsHere(lower, named) && !UNREMOVABLE.has(lower)) lines += `${name}: ${raw[index + 1] ?? ''}\r\n`
  }
  return lines
}

/** RFC 9110, section 6.5.1: fields for framing, routing, authentication and caching are not allowed as trailers. */
const NO_TRAILERS = /^(?:host|content-(?:length|encoding|type|range)|set-cookie|x-request-id|www-authenticate)$/

export function answerTrailers(raw: readonly string[]): [name: string, value: string][] {
  const trailers: [string, string][] = []
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const lower = name.toLowerCase()
    if (!endsHere(lower, undefined) && !NO_TRAILERS.test(lower)) trailers.push([name, raw[index + 1] ?? ''])
  }
  return trailers
}

/** Most names begin with another letter, and need no further check. */
function isForwarding(name: string, trusted: boolean): boolean {
  if (!(name.startsWith('x') || name.startsWith('f')) || !FORWARDING.test(name)) return false
  return !(trusted && PROXYS_OWN.test(name))
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
function forwarded(address: string, host: string | undefined, proto: string): string {
  const from = address.includes(':') ? `"[${address}]"` : address
  return host === undefined ? `for=${from};proto=${proto}` : `for=${from};host="${host}";proto=${proto}`
}
