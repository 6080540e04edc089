/**
 * For express-session and @fastify/session, which look at the first cookie of their name and at no other. A sibling domain can plant one
 * there, and the user is logged out for as long as it lasts. This leaves the one that is signed, and is run before they are.
 */
import { createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { SessionError } from '../errors.ts'
import { sameDigest } from './id.ts'

export interface GenuineCookieOptions {
  /** As the middleware has it: `connect.sid` with express-session, the default; `sessionId` with @fastify/session. */
  readonly name?: string
  /** As the middleware has it; several newest first. */
  readonly secret: string | readonly string[]
}

/** How many cookies of the name are looked at in one request. */
const COOKIES_MAX = 64

/** Middleware for Express. Fastify: an `onRequest` hook that hands it `request.raw`, added before the cookie plugin. */
export function genuineCookie({ name = 'connect.sid', secret }: GenuineCookieOptions) {
  const secrets = typeof secret === 'string' ? [secret] : secret
  if (secrets.length === 0 || secrets.some((each) => each === '')) {
    throw new SessionError(
      'SESSION_KEYS',
      500,
      'genuineCookie takes the secret, or the secrets, of the session middleware',
    )
  }
  return (request: Pick<IncomingMessage, 'headers'>, _response?: unknown, next?: () => void): void => {
    const { cookie } = request.headers
    if (cookie !== undefined) request.headers.cookie = withoutOthers(cookie, name, secrets)
    next?.()
  }
}

/** As it came where there is only one of the name, or none that is signed. */
function withoutOthers(header: string, name: string, secrets: readonly string[]): string {
  const cookies = header.split(';')
  const named = cookies.filter((cookie) => cookie.slice(0, cookie.indexOf('=')).trim() === name)
  if (named.length < 2) return header
  const genuine = named.slice(0, COOKIES_MAX).find((cookie) => isSigned(valueOf(cookie), secrets))
  return genuine === undefined
    ? header
    : cookies.filter((cookie) => cookie === genuine || !named.includes(cookie)).join(';')
}

function valueOf(cookie: string): string {
  return unescaped(cookie.slice(cookie.indexOf('=') + 1).trim())
}

export function unescaped(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    // Neither middleware takes such a cookie, and none of them made it.
    return value
  }
}

/** `s:value.signature`, where the prefix may be left out: HMAC-SHA-256 in Base64 without padding, as both middlewares sign. */
export function isSigned(cookie: string, secrets: readonly string[]): boolean {
  const signed = cookie.startsWith('s:') ? cookie.slice(2) : cookie
  const dot = signed.lastIndexOf('.')
  if (dot === -1) return false
  const [value, signature] = [signed.slice(0, dot), signed.slice(dot + 1)]
  return secrets.some((secret) =>
    sameDigest(createHmac('sha256', secret).update(value).digest('base64').replace(/=+$/, ''), signature),
  )
}
