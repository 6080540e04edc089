/**
 * Whether a request that Node's parser accepted can be passed on, and which path of which host it asks for. Refused is what two servers
 * could read differently, and what can't be written into the upstream's header.
 */
import type { IncomingMessage } from 'node:http'
import type { ErrorCode } from './error-answer.ts'

export interface RequestTarget {
  readonly path: string
  /** Undefined where HTTP/1.0 named none. */
  readonly host: string | undefined
}

/** Registered names, IPv4 and bracketed IPv6, with or without a port; nothing that could break out of a quoted string. */
export const HOST = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\da-fA-F:.]+\])(?::\d{0,5})?$/
const ABSOLUTE = /^https?:\/\/([^/?#]+)(.*)$/is

export function requestTarget(request: IncomingMessage): RequestTarget | ErrorCode {
  const { url = '', headers } = request
  if (request.httpVersionMajor !== 1) return 'HTTP_VERSION_NOT_SUPPORTED'
  if (headers.host === undefined && request.httpVersionMinor === 1) return 'BAD_REQUEST'
  if (headers.host !== undefined && !HOST.test(headers.host)) return 'BAD_REQUEST'
  if (url.startsWith('/') || (url === '*' && request.method === 'OPTIONS')) return { path: url, host: headers.host }
  return absoluteTarget(url)
}

/** RFC 9112, section 3.2.2: in the absolute form the target's own authority replaces Host. */
function absoluteTarget(url: string): RequestTarget | ErrorCode {
  const [, host, rest] = ABSOLUTE.exec(url) ?? []
  if (host === undefined || rest === undefined || !HOST.test(host)) return 'BAD_REQUEST'
  return { path: rest.startsWith('/') ? rest : `/${rest}`, host }
}

/** Whether a body follows the header, be it an empty one in chunks. */
export function hasBody(request: IncomingMessage): boolean {
  const { headers } = request
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
