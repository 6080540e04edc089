/**
 * The control API can kill processes. On loopback it needs no password; but a browser on this machine is on loopback too, and runs
 * pages from anywhere. So a request must name the host that it came to, which DNS rebinding does not, and must come from our own
 * page or from no page at all. At another address of this machine each request needs the token as well, since a program that reaches that
 * address can send any Host.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIPv6 } from 'node:net'
import { ApiError } from '../errors.ts'
import { LOOPBACK } from '../supervise/ports.ts'

/** An address that is listened on, and what it demands of a request. */
export interface Door {
  readonly address: string
  /** Throws if the request names another host. */
  requireHost(request: IncomingMessage): void
  /** Throws if the request has no right to the API. */
  requireToken(request: IncomingMessage): void
  /** Lets a browser that has the token ask without it from now on: an event stream can't send it. Absent where none is needed. */
  readonly enter?: (request: IncomingMessage, response: ServerResponse) => void
}

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]'])
const OWN_SITES = new Set(['same-origin', 'none'])

export const loopbackDoor: Door = {
  address: LOOPBACK,
  requireHost({ headers: { host } }) {
    const name = host?.replace(/:\d+$/, '').toLowerCase()
    if (name !== undefined && LOOPBACK_NAMES.has(name)) return
    throw hostNotAllowed(host, 'localhost, 127.0.0.1 and [::1]')
  },
  requireToken: () => undefined,
}

/** For the address's own name. */
export function tokenDoor(address: string, port: number, token: string): Door {
  const own = hostOf(address, port)
  return withToken(token, {
    address,
    requireHost({ headers: { host } }) {
      if (host?.toLowerCase() !== own) throw hostNotAllowed(host, own)
    },
  })
}

/** Of a container whose port is published to loopback: requests name that. */
export function publishedDoor(address: string, token: string): Door {
  return withToken(token, { ...loopbackDoor, address })
}

function withToken(token: string, { address, requireHost }: Pick<Door, 'address' | 'requireHost'>): Door {
  const requireBearer = ({ headers }: IncomingMessage, kept?: string): void => {
    const [, bearer] = /^Bearer ([\w-]+)$/i.exec(headers.authorization ?? '') ?? []
    if ([bearer, kept].some((given) => given !== undefined && isSame(given, token))) return
    throw new ApiError(
      401,
      'TOKEN_NEEDED',
      'this address needs the token: open the link that the lab shows in its terminal',
    )
  }
  return {
    address,
    requireHost,
    requireToken: (request) => requireBearer(request, cookieOf(request.headers.cookie ?? '', cookieName(request))),
    enter(request, response) {
      requireBearer(request)
      response.setHeader('Set-Cookie', `${cookieName(request)}=${token}; HttpOnly; SameSite=Strict; Path=/`)
      response.writeHead(204).end()
    },
  }
}

/** Browsers send a host's cookies to all of its ports. */
function cookieName({ headers: { host = '' } }: IncomingMessage): string {
  return `ninelives-lab-${/:(\d+)$/.exec(host)?.[1] ?? 80}`
}

export function requireOwnPage({ headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site']
  const fromElsewhere = site !== undefined && !OWN_SITES.has(site)
  const otherOrigin = headers.origin !== undefined && headers.origin !== `http://${headers.host}`
  if (fromElsewhere || otherOrigin) {
    throw new ApiError(403, 'CROSS_SITE', 'the request comes from another page; only the live page may send it')
  }
}

/** As in a URL. Browsers leave out port 80. */
export function hostOf(address: string, port: number): string {
  return new URL(`http://${isIPv6(address) ? `[${address}]` : address}:${port}`).host
}

function hostNotAllowed(host: string | undefined, allowed: string): ApiError {
  return new ApiError(403, 'HOST_NOT_ALLOWED', `Host is "${host ?? ''}"; this answers to ${allowed} only`)
}

function cookieOf(header: string, name: string): string | undefined {
  const pairs = header.split(';').map((pair) => pair.trim().split('='))
  return pairs.find(([key]) => key === name)?.[1]
}

/** In the same time, wherever they differ. */
function isSame(given: string, token: string): boolean {
  return timingSafeEqual(hashOf(given), hashOf(token))
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
