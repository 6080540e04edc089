/**
 * The cookie that pins a client to an upstream: the upstream's name and an HMAC-SHA256 of it. Nobody can point a cookie at an
 * upstream it was not given for, and nothing is looked up or computed for a request: there are only as many valid cookies
 * as upstreams times keys, so all of them are known beforehand.
 *
 * Keys are newest first. A cookie signed by an older one is honoured and replaced.
 */
import { createHmac } from 'node:crypto'

export const AFFINITY_COOKIE = 'ninelives-upstream'

export interface Pin {
  readonly name: string
  /** Signed by the newest key. */
  readonly current: boolean
}

export interface AffinityCookies {
  /** What a request's Cookie header says; undefined without a cookie of ours that is genuine. */
  read(cookieHeader: string | undefined): Pin | undefined
  /** The Set-Cookie that pins to an upstream. */
  issue(name: string): string | undefined
}

export interface AffinityOptions {
  readonly names: readonly string[]
  readonly keys: readonly string[]
  readonly secure: boolean
}

export function affinityCookies({ names, keys, secure }: AffinityOptions): AffinityCookies {
  const pins = new Map<string, Pin>()
  const issued = new Map<string, string>()
  for (const [age, key] of keys.entries()) {
    for (const name of names) pins.set(sign(name, key), { name, current: age === 0 })
  }
  for (const [value, { name, current }] of pins) {
    const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
    if (current) issued.set(name, `${AFFINITY_COOKIE}=${value}; ${attributes}`)
  }
  return {
    read(cookieHeader) {
      for (const pair of cookieHeader?.split(';') ?? []) {
        const [name, value] = pair.trim().split('=', 2)
        const pin = name === AFFINITY_COOKIE && value !== undefined ? pins.get(value) : undefined
        if (pin !== undefined) return pin
      }
      return undefined
    },
    issue: (name) => issued.get(name),
  }
}

function sign(name: string, key: string): string {
  return `${name}.${createHmac('sha256', key).update(`affinity:${name}`).digest('base64url')}`
}
