import test from 'ava'
import { AFFINITY_COOKIE, affinityCookies } from '../src/affinity-cookies.ts'
import type { Standing } from '../src/health.ts'
import { affinity, roundRobin } from '../src/routing.ts'
import type { Routing } from '../src/routing.ts'
import { Upstream } from '../src/upstream.ts'

const LIMITS = { upstreamSocketsMax: 1, upstreamInFlightMax: 2, upstreamIdleMs: 1_000 }
const NEW_KEY = 'n'.repeat(32)
const OLD_KEY = 'o'.repeat(32)

function upstreams(standings: Readonly<Record<string, Standing>>): Upstream[] {
  return Object.entries(standings).map(([name, standing], index) => {
    const port = 21_001 + index
    const upstream = new Upstream({ name, url: `http://127.0.0.1:${port}`, hostname: '127.0.0.1', port }, LIMITS)
    upstream.standing = standing
    return upstream
  })
}

function names(routing: Routing, count: number, cookie?: string, tried: readonly Upstream[] = []): string {
  return Array.from({ length: count }, () => routing.pick(cookie, tried)?.upstream.name ?? '-').join('')
}

/** Turns may begin anywhere; what counts is who follows whom. */
function sorted(text: string): string {
  return text.split('').sort().join('')
}

test('round robin takes turns', (t) => {
  const turns = names(roundRobin(upstreams({ a: 'up', b: 'up', c: 'up' })), 6)
  t.is(turns.slice(0, 3), turns.slice(3))
  t.is(sorted(turns), 'aabbcc')
})

test('the turn of an upstream that is out is shared by the others', (t) => {
  t.is(sorted(names(roundRobin(upstreams({ a: 'up', b: 'down', c: 'up', d: 'draining' })), 6)), 'aaaccc')
})

test('one that was tried, or has as much as it may have, is passed over', (t) => {
  const [a, b, c] = upstreams({ a: 'up', b: 'up', c: 'up' })
  if (!a || !b || !c) return t.fail()
  const routing = roundRobin([a, b, c])
  b.inFlight = LIMITS.upstreamInFlightMax
  t.is(names(routing, 3, undefined, [a]), 'ccc')
  t.is(names(routing, 1, undefined, [a, c]), '-')
})

test('the last one is never out of use: draining before down', (t) => {
  const all = upstreams({ a: 'down', b: 'draining', c: 'down' })
  t.is(names(roundRobin(all), 3), 'bbb')
  t.is(sorted(names(roundRobin(all), 4, undefined, all.slice(1, 2))), 'aacc')
})

function cookies(keys = [NEW_KEY], secure = false) {
  return affinityCookies({ names: ['a', 'b', 'c'], keys, secure })
}

/** What a browser sends back. */
function cookieOf(setCookie: string | undefined): string {
  return setCookie?.split(';')[0] ?? ''
}

test('a client is pinned with its first answer, and stays', (t) => {
  const routing = affinity(upstreams({ a: 'up', b: 'up', c: 'up' }), cookies())
  const first = routing.pick(undefined, [])
  t.regex(first?.setCookie ?? '', /^ninelives-upstream=[abc]\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
  const cookie = `theme=dark; ${cookieOf(first?.setCookie)}; lang=ko`
  for (let count = 0; count < 5; count += 1) {
    t.deepEqual(routing.pick(cookie, []), { upstream: first?.upstream, setCookie: undefined })
  }
})

test('a client moves when its upstream is out, tried or full, and its cookie with it', (t) => {
  const [a, b] = upstreams({ a: 'up', b: 'up' })
  if (!a || !b) return t.fail()
  const routing = affinity([a, b], cookies())
  const cookie = cookieOf(cookies().issue('a'))
  const moved = { upstream: b, setCookie: cookies().issue('b') }
  t.deepEqual(routing.pick(cookie, [a]), moved)
  a.inFlight = LIMITS.upstreamInFlightMax
  t.deepEqual(routing.pick(cookie, []), moved)
  a.inFlight = 0
  a.standing = 'draining'
  t.deepEqual(routing.pick(cookie, []), moved)
  a.standing = 'up'
  t.deepEqual(routing.pick(cookie, []), { upstream: a, setCookie: undefined })
})

test('a cookie signed by an older key is honoured and replaced, one by a strange key ignored', (t) => {
  const all = upstreams({ a: 'up', b: 'up', c: 'up' })
  const routing = affinity(all, cookies([NEW_KEY, OLD_KEY]))
  const old = cookieOf(cookies([OLD_KEY]).issue('b'))
  t.deepEqual(routing.pick(old, []), { upstream: all[1], setCookie: cookies().issue('b') })
  t.is(cookies().read(old), undefined)
})

test('nobody can point a cookie at another upstream', (t) => {
  const genuineOnes = cookies()
  const genuine = cookieOf(genuineOnes.issue('a'))
  t.deepEqual(genuineOnes.read(genuine), { name: 'a', current: true })
  const forged = [genuine.replace('=a.', '=b.'), `${AFFINITY_COOKIE}=a`, `${AFFINITY_COOKIE}=a.`, `${AFFINITY_COOKIE}=`]
  for (const cookie of [...forged, `${genuine}x`, `x${genuine}`, '', ';;', '='])
    t.is(genuineOnes.read(cookie), undefined)
  t.deepEqual(genuineOnes.read(`${forged[0]}; ${genuine}`), { name: 'a', current: true })
})

test('the cookie is for TLS only when it is to be', (t) => {
  t.regex(cookies([NEW_KEY], true).issue('a') ?? '', /; Secure$/)
})
