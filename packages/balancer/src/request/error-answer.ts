/** The answers that the balancer gives itself: JSON `{error: {code, message, requestId}}`, or plain text where the client prefers that. */
import { STATUS_CODES } from 'node:http'

const ERRORS = {
  BAD_REQUEST: { status: 400, fault: 'client', message: 'The request is not valid HTTP.' },
  REQUEST_TIMEOUT: { status: 408, fault: 'client', message: 'The request did not arrive in time.' },
  BODY_TOO_LARGE: { status: 413, fault: 'client', message: 'The body is too large.' },
  CHUNK_EXTENSIONS_TOO_LARGE: { status: 413, fault: 'client', message: 'The chunk extensions are too large.' },
  NOT_FOUND: { status: 404, fault: 'none', message: 'There is nothing at this address.' },
  EXPECTATION_FAILED: { status: 417, fault: 'client', message: 'No expectation other than 100-continue can be met.' },
  MISDIRECTED_REQUEST: { status: 421, fault: 'client', message: 'This server does not serve that host.' },
  HEADERS_TOO_LARGE: { status: 431, fault: 'client', message: 'The header is too large.' },
  NOT_IMPLEMENTED: { status: 501, fault: 'client', message: 'This method or transfer coding is not supported.' },
  BAD_GATEWAY: { status: 502, fault: 'server', message: 'The server that had this request failed before it answered.' },
  UNAVAILABLE: { status: 503, fault: 'server', message: 'No server can take this request now.' },
  GATEWAY_TIMEOUT: {
    status: 504,
    fault: 'server',
    message: 'The server that had this request did not answer in time.',
  },
  HTTP_VERSION_NOT_SUPPORTED: { status: 505, fault: 'client', message: 'Only HTTP/1.0 and HTTP/1.1 are supported.' },
} as const

export type ErrorCode = keyof typeof ERRORS

export interface ErrorContext {
  readonly requestId: string
  readonly accept?: string | undefined
  /** An unsafe request reached a server: whether it was carried out is unknown. */
  readonly mayHaveActed?: boolean
}

export interface ErrorAnswer {
  readonly status: number
  /** Names and values by turns, as `writeHead` takes them. */
  readonly headers: string[]
  readonly body: string
}

const RETRY_AFTER_S = 1

export function isClientsFault(code: ErrorCode): boolean {
  return ERRORS[code].fault === 'client'
}

export function isServersFault(code: ErrorCode): boolean {
  return ERRORS[code].fault === 'server'
}

/** For an error of Node's server while it read a request. */
export function errorCodeOf({ code }: NodeJS.ErrnoException): ErrorCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'REQUEST_TIMEOUT'
  if (code === 'HPE_HEADER_OVERFLOW') return 'HEADERS_TOO_LARGE'
  return code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW' ? 'CHUNK_EXTENSIONS_TOO_LARGE' : 'BAD_REQUEST'
}

export function errorAnswer(code: ErrorCode, context: ErrorContext): ErrorAnswer {
  const { requestId, accept, mayHaveActed = false } = context
  const { status, message: what } = ERRORS[code]
  const message = mayHaveActed ? `${what} It may have been carried out.` : what
  const text = prefersText(accept)
  const body = text
    ? `${status} ${STATUS_CODES[status]}: ${message} (request ${requestId})\n`
    : `${JSON.stringify({ error: { code, message, requestId } })}\n`
  const headers = [
    'Content-Type',
    text ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8',
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Cache-Control',
    'no-store',
    'X-Request-Id',
    requestId,
  ]
  if (status === 503) headers.push('Retry-After', String(RETRY_AFTER_S))
  return { status, headers, body }
}

/** The same answer as bytes, for a connection without a response object. It is the connection's last. */
export function errorBytes(code: ErrorCode, context: ErrorContext): string {
  const { status, headers, body } = errorAnswer(code, context)
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n`
  for (let index = 0; index < headers.length; index += 2) head += `${headers[index]}: ${headers[index + 1]}\r\n`
  return `${head}\r\n${body}`
}

/** Whether text (what a browser or a person at a terminal asks for) ranks above JSON. */
function prefersText(accept: string | undefined): boolean {
  if (accept === undefined) return false
  let text = 0
  let json = 0
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    const q = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
    if (type.startsWith('text/')) text = Math.max(text, q)
    if (type === 'application/json' || type === 'application/*' || type === '*/*') json = Math.max(json, q)
  }
  return text > json
}
