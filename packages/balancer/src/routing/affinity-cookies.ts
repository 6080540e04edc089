/**
 * The cookie that pins a client to one life of one upstream: its name, a tag of that life and an HMAC-SHA256 of both. A client can't
 * point a cookie at an upstream it was not given for, and a node that was started again is not the one that a client was
 * pinned to: what that one kept in memory is gone.
 *
 * To read a cookie that holds costs a comparison of strings: there are only as many as upstreams times keys, and each is
 * made once. Only one that does not hold (of a life that is over, or forged) is verified, to tell which.
 *
 * Keys are newest first. A cookie signed by an older one is honoured and replaced.
 */
import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { Upstream } from '../upstreams/upstream.ts'

export const AFFINITY_COOKIE = 'ninelives-upstream'

export interface Pin {
  readonly name: string
  /** Whether the life it was given for is the one that the upstream has now. */
  readonly alive: boolean
  /** Signed by the newest key. */
  readonly current: boolean
}

export interface AffinityCookies {
  /** What a request's Cookie header says; undefined without a cookie of ours that is genuine. */
  read(cookieHeader: string | undefined): Pin | undefined
  /** The Set-Cookie that pins to an upstream. */
  issue(upstream: Upstream): string
}

export interface AffinityOptions {
  readonly upstreams: readonly Upstream[]
  readonly keys: readonly string[]
  readonly secure: boolean
}

/** All that is valid for one life of an upstream. */
interface Issued {
  readonly name: string
  readonly incarnation: string | undefined
  readonly tag: string
  /** By age of the key that signed it. */
  readonly values: readonly string[]
  readonly setCookie: string
}

const SHAPE = /^([\w-]+)\.([\w-]{8}|-)\.([\w-]{43})$/
/** Long enough that two lives of a node are never taken for one, and too short to tell anything. */
const TAG_CHARS = 8
/** Of a node that does not say which life it is in: its name is all that a pin can go by. */
const UNKNOWN_LIFE = '-'

export function affinityCookies({ upstreams, keys, secure }: AffinityOptions): AffinityCookies {
  const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  const known = new WeakMap<Upstream, Issued>()

  function issued(upstream: Upstream): Issued {
    const { name, incarnation } = upstream
    const before = known.get(upstream)
    if (before !== undefined && before.incarnation === incarnation && before.name === name) return before
    const tag = tagOf(incarnation)
    const values = keys.map((key) => signed(name, tag, key))
    const made = { name, incarnation, tag, values, setCookie: `${AFFINITY_COOKIE}=${values[0]}; ${attributes}` }
    known.set(upstream, made)
    return made
  }

  function alive(value: string): Pin | undefined {
    for (const upstream of upstreams) {
      const age = issued(upstream).values.indexOf(value)
      if (age !== -1) return { name: upstream.name, alive: true, current: age === 0 }
    }
    return undefined
  }

  function genuine(value: string): { readonly name: string; readonly tag: string } | undefined {
    const [, name, tag] = SHAPE.exec(value) ?? []
    if (name === undefined || tag === undefined) return undefined
    return keys.some((key) => isSame(signed(name, tag, key), value)) ? { name, tag } : undefined
  }

  function ofLifeUnderAnotherName(value: string): Pin | undefined {
    const tag = genuine(value)?.tag
    if (tag === undefined || tag === UNKNOWN_LIFE) return undefined
    const renamed = upstreams.find((upstream) => issued(upstream).tag === tag)
    return renamed && { name: renamed.name, alive: true, current: false }
  }

  function ofLifeThatIsOver(value: string): Pin | undefined {
    const name = genuine(value)?.name
    return name === undefined ? undefined : { name, alive: false, current: false }
  }

  return {
    read: (cookieHeader) =>
      findCookie(cookieHeader, AFFINITY_COOKIE, alive) ??
      findCookie(cookieHeader, AFFINITY_COOKIE, ofLifeUnderAnotherName) ??
      findCookie(cookieHeader, AFFINITY_COOKIE, ofLifeThatIsOver),
    issue: (upstream) => issued(upstream).setCookie,
  }
}

/** How many cookies of one name are looked at in one request: each may cost a signature. */
const COOKIES_MAX = 64

/** What the first cookie of this name is taken for that is taken for anything. Looks, and allocates nothing for the others. */
export function findCookie<Meaning>(
  cookieHeader: string | undefined,
  name: string,
  meaning: (value: string) => Meaning | undefined,
): Meaning | undefined {
  if (cookieHeader === undefined) return undefined
  let left = COOKIES_MAX
  for (let at = cookieHeader.indexOf(name); at !== -1 && left > 0; at = cookieHeader.indexOf(name, at + 1)) {
    const before = cookieHeader[at - 1]
    const from = at + name.length + 1
    if ((before !== undefined && before !== ' ' && before !== ';') || cookieHeader[from - 1] !== '=') continue
    left -= 1
    const end = cookieHeader.indexOf(';', from)
    const found = meaning(cookieHeader.slice(from, end === -1 ? undefined : end).trimEnd())
    if (found !== undefined) return found
  }
  return undefined
}

function tagOf(incarnation: string | undefined): string {
  return incarnation === undefined ? UNKNOWN_LIFE : hash('sha256', incarnation, 'base64url').slice(0, TAG_CHARS)
}

function signed(name: string, tag: string, key: string): string {
  return `${name}.${tag}.${createHmac('sha256', key).update(`affinity:${name}.${tag}`).digest('base64url')}`
}

function isSame(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right))
}
