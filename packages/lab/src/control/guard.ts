/**
 * The control API can kill processes and needs no password, because it listens on loopback only. But a browser on this machine
 * is on loopback too, and runs pages from anywhere. So a request must name a loopback host, which DNS rebinding does not, and
 * must come from our own page or from no page at all.
 */
import type { IncomingMessage } from 'node:http'
import { ApiError } from '../errors.ts'

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]'])
const OWN_SITES = new Set(['same-origin', 'none'])

export function requireLoopbackHost({ headers: { host } }: IncomingMessage): void {
  const name = host?.replace(/:\d+$/, '').toLowerCase()
  if (name !== undefined && LOOPBACK_NAMES.has(name)) return
  throw new ApiError(
    403,
    'HOST_NOT_ALLOWED',
    `Host is "${host ?? ''}"; this answers to localhost, 127.0.0.1 and [::1] only`,
  )
}

export function requireOwnPage({ headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site']
  const fromElsewhere = site !== undefined && !OWN_SITES.has(site)
  const otherOrigin = headers.origin !== undefined && headers.origin !== `http://${headers.host}`
  if (fromElsewhere || otherOrigin) {
    throw new ApiError(403, 'CROSS_SITE', 'the request comes from another page; only the live page may send it')
  }
}
