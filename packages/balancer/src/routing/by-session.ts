/**
 * The request goes where its session lives: the session cookie's handle, hashed as the session layer hashes it, gives each node
 * a rank ("rendezvous"), in the very order in which the clustered store places its copies. So the node that gets the request
 * holds the session, and when that node dies the next in order is one that holds a copy.
 *
 * A node with more than its share of the requests in flight is skipped ("bounded loads", Mirrokni and others, 2016), so that one busy
 * session, or bad luck, does not make a node slow: the next in order serves it as well, for one more hop.
 */
import { hash } from 'node:crypto'
import { placeOf, scoreOf } from './rendezvous.ts'
import { ANY_LINE, bestLeft, NO_FIELDS } from './routing.ts'
import type { Choice, Routing } from './routing.ts'
import { sessionCookieIn } from './session-cookie.ts'
import type { Upstream } from '../upstreams/upstream.ts'

export interface BySessionOptions {
  readonly upstreams: readonly Upstream[]
  /** Of the session cookie, as clients send it. With TLS it may have the prefix `__Host-`. */
  readonly cookieName: string
  /** How much more than its share, in percent, an upstream may have in flight. */
  readonly loadBoundPercent: () => number
  /** For requests without a session. */
  readonly sessionless: Routing
}

/** So many requests at one node are never too many. */
const LOAD_FLOOR = 8

export function bySession({ upstreams, cookieName, loadBoundPercent, sessionless }: BySessionOptions): Routing {
  return {
    pick(cookieHeader, tried) {
      const cookie = sessionCookieIn(cookieHeader, cookieName)
      const key = cookie === undefined ? undefined : sessionKeyOf(cookie)
      if (key === undefined) return sessionless.pick(cookieHeader, tried)
      const left = bestLeft(upstreams, tried)
      if (left.length === 0) return undefined
      return owner(placeOf(key), left, upstreams, loadBoundPercent() / 100) ?? { busy: undefined, line: ANY_LINE }
    },
  }
}

/** The highest rank among upstreams that are neither full nor above the bound; if all are above it, among those that are not full. */
function owner(place: number, left: readonly Upstream[], all: readonly Upstream[], bound: number): Choice | undefined {
  const perShare = partOfEach(left) * bound
  let within: Upstream | undefined
  let withinScore = -1
  let free: Upstream | undefined
  let freeScore = -1
  for (const upstream of left) {
    if (!upstream.hasRoom) continue
    const score = scoreOf(place, upstream.name)
    if (score > freeScore) {
      free = upstream
      freeScore = score
    }
    const isWithin = upstream.inFlight < Math.max(LOAD_FLOOR, Math.ceil(perShare * upstream.share()))
    if (isWithin && score > withinScore) {
      within = upstream
      withinScore = score
    }
  }
  const upstream = within ?? free
  if (upstream === undefined) return undefined
  const isOwner = isHighest(place, upstream, all)
  return { upstream, why: isOwner ? 'owner' : 'not-owner', fields: NO_FIELDS }
}

/** Requests in flight, this one included, for a share of 1. */
function partOfEach(left: readonly Upstream[]): number {
  let inFlight = 1
  let shares = 0
  for (const upstream of left) {
    inFlight += upstream.inFlight
    shares += upstream.share()
  }
  return inFlight / shares
}

function isHighest(place: number, upstream: Upstream, all: readonly Upstream[]): boolean {
  const score = scoreOf(place, upstream.name)
  return all.every((other) => other === upstream || scoreOf(place, other.name) < score)
}

const KEY_CHARS = 22
/** A cookie of the session layer begins with the handle; of any other, all up to a dot is taken. */
const HANDLE = /^[\w-]+/

/** The session layer's own key of a session: the beginning of its handle's SHA-256. */
export function sessionKeyOf(cookie: string): string | undefined {
  const [handle] = HANDLE.exec(cookie) ?? []
  return handle === undefined ? undefined : hash('sha256', handle, 'base64url').slice(0, KEY_CHARS)
}
