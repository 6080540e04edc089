/**
 * Faults of a header that Node's parser accepts, and that could make two servers disagree about where the request ends or which host it
 * is for. The parser itself refuses most others: a length beside chunks, several lengths, folded lines, bare line feeds, spaces before
 * a colon.
 */
import type { IncomingMessage } from 'node:http'
import type { ErrorCode } from './error-answer.ts'

export interface FramingLimits {
  readonly clientHeaderFieldsMax: number
  readonly clientBodyBytesMax: number
}

/** One pass over the raw names: the parsed header no longer shows their spelling and number. */
export function framingFault(request: IncomingMessage, limits: FramingLimits): ErrorCode | undefined {
  const { rawHeaders: raw, headers } = request
  if (raw.length > 2 * limits.clientHeaderFieldsMax) return 'HEADERS_TOO_LARGE'
  let hosts = 0
  let codings = 0
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? ''
    if (name.length === HOST.length && name.toLowerCase() === HOST) hosts += 1
    else if (name.length >= SHORTEST) {
      const plain = name.toLowerCase()
      if (plain === CODING) codings += 1
      else if (plain !== LENGTH && LOOKS_LIKE_FRAMING.test(plain)) return 'BAD_REQUEST'
    }
  }
  if (hosts > 1 || codings > 1) return 'BAD_REQUEST'
  // RFC 9112, section 6.1: HTTP/1.0 has no chunks, and a server behind may ignore them.
  if (codings > 0 && request.httpVersionMinor === 0) return 'BAD_REQUEST'
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding !== 'chunked') {
    const fault = codingFault(coding.toLowerCase())
    if (fault !== undefined) return fault
  }
  const length = headers['content-length']
  return length !== undefined && Number(length) > limits.clientBodyBytesMax ? 'BODY_TOO_LARGE' : undefined
}

const HOST = 'host'
const LENGTH = 'content-length'
const CODING = 'transfer-encoding'
const SHORTEST = LENGTH.length
/** Servers that hand fields to programs as variables (CGI, WSGI) read `_` as `-`. */
const LOOKS_LIKE_FRAMING = /^(?:content[-_]+length|transfer[-_]+encoding)$/

/** RFC 9112, sections 6.1 and 6.3: unless chunked is last, the end is unknown. Other codings are not supported. */
function codingFault(coding: string): ErrorCode | undefined {
  if (coding === 'chunked') return undefined
  return /,[ \t]*chunked$/.test(coding) ? 'NOT_IMPLEMENTED' : 'BAD_REQUEST'
}

/**
 * RFC 9110, section 9.3.1: a body of GET or HEAD has no meaning, and a server that ignores it would take it for the next request. Such a
 * request passes, and both its connections end with it.
 */
export function hasBodyOfNoMeaning({ method, headers }: IncomingMessage): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
