/**
 * The cookie that pins a client to one incarnation of one upstream: the upstream's name, a tag of the incarnation and an HMAC-SHA256 of
 * both. A client can't forge a cookie for another upstream, and a restarted node is another incarnation, because what the former kept
 * in memory is gone.
 *
 * Reading a valid cookie costs a comparison of strings: there are as many valid cookies as upstreams times keys, and each is made once.
 * Only another one (of a former incarnation, or forged) is verified, to tell which.
 *
 * Keys are newest first. A cookie signed by an older one is honoured and replaced.
 */
import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { Upstream } from '../upstreams/upstream.ts'

export const AFFINITY_COOKIE = 'ninelives-upstream'

export interface Pin {
  readonly name: string
  /** Whether it is for the upstream's present incarnation. */
  readonly alive: boolean
  /** Signed by the newest key. */
  readonly current: boolean
}

export interface AffinityCookies {
  /** The pin in a request's Cookie header; undefined without a genuine one. */
  read(cookieHeader: string | undefined): Pin | undefined
  /** The Set-Cookie that pins to an upstream. */
  issue(upstream: Upstream): string
}

export interface AffinityOptions {
  readonly upstreams: readonly Upstream[]
  readonly keys: readonly string[]
  readonly secure: boolean
}

/** Every valid cookie of one incarnation of an upstream. */
interface Issued {
  readonly name: string
  readonly incarnation: string | undefined
  readonly tag: string
  /** By age of the key that signed it. */
  readonly values: readonly string[]
  readonly setCookie: string
}

const SHAPE = /^([\w-]+)\.([\w-]{8}|-)\.([\w-]{43})$/
/** Long enough to tell incarnations apart, and too short to reveal anything. */
const TAG_CHARS = 8
/** For a node that reports no incarnation: a pin knows only its name. */
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

/** The first defined result of `read` for a cookie of this name. Allocates nothing for other cookies. */
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
