import test from 'ava'
import { AFFINITY_COOKIE, affinityCookies } from '../../src/routing/affinity-cookies.ts'
import { affinity } from '../../src/routing/affinity.ts'
import { byRule } from '../../src/routing/routing.ts'
import type { Choice, Routing } from '../../src/routing/routing.ts'
import { weightedTurns } from '../../src/routing/rules.ts'
import type { Upstream } from '../../src/upstreams/upstream.ts'
import { choice, LIMITS, names, upstreamsOf } from '../fixtures/traffic/upstreams.ts'

const NEW_KEY = 'n'.repeat(32)
const OLD_KEY = 'o'.repeat(32)

function cookiesFor(upstreams: readonly Upstream[], keys = [NEW_KEY], secure = false) {
  return affinityCookies({ upstreams, keys, secure })
}

function pinning(upstreams: readonly Upstream[], keys?: string[]): Routing {
  return affinity({ upstreams, cookies: cookiesFor(upstreams, keys), unpinned: byRule(upstreams, weightedTurns()) })
}

function three(): [Upstream[], Upstream, Upstream, Upstream] {
  const all = upstreamsOf({ a: 'up', b: 'up', c: 'up' })
  const [a, b, c] = all
  if (!a || !b || !c) throw new Error('there are three')
  return [all, a, b, c]
}

/** What a browser sends back. */
function cookieOf(setCookie: string | undefined): string {
  return setCookie?.split(';')[0] ?? ''
}

function field({ fields }: Choice, name: string): string | undefined {
  const index = fields.indexOf(name)
  return index === -1 ? undefined : fields[index + 1]
}

test('a client is pinned with its first answer, and stays', (t) => {
  const [all] = three()
  const routing = pinning(all)
  const first = choice(routing)
  const setCookie = field(first, 'Set-Cookie') ?? ''
  t.regex(setCookie, /^ninelives-upstream=[abc]\.-\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
  for (const cookie of [`theme=dark; ${cookieOf(setCookie)}; lang=ko`, `${cookieOf(setCookie)};x=1`]) {
    t.deepEqual(choice(routing, cookie), { upstream: first.upstream, why: 'pinned', fields: [] })
  }
})

test('a client moves when its upstream is out, tried or gone, its cookie with it, and the answer says so', (t) => {
  const [, a, b] = three()
  const all = [a, b]
  const routing = pinning(all)
  const cookie = cookieOf(cookiesFor(all).issue(a))
  const movedFor = (reason: string): Choice => ({
    upstream: b,
    why: 'moved',
    because: `a ${reason}`,
    fields: ['Set-Cookie', cookiesFor(all).issue(b), 'X-Affinity-Moved', `a; reason=${reason}`],
  })
  t.deepEqual(choice(routing, cookie, [a]), movedFor('failed'))
  a.standing = 'draining'
  t.deepEqual(choice(routing, cookie), movedFor('draining'))
  a.standing = 'down'
  t.deepEqual(choice(routing, cookie), movedFor('down'))
  a.standing = 'up'
  t.deepEqual(choice(routing, cookie), { upstream: a, why: 'pinned', fields: [] })
  all.shift()
  t.deepEqual(choice(routing, cookie), movedFor('gone'))
})

test('a client waits for its upstream when that is full, and is moved when it has waited', (t) => {
  const [, a, b] = three()
  const routing = pinning([a, b])
  const cookie = cookieOf(cookiesFor([a, b]).issue(a))
  a.inFlight = LIMITS.upstreamInFlightMax
  t.like(routing.pick(cookie, []), { busy: a })
  t.like(routing.pick(cookie, [], false), { upstream: b, because: 'a busy' })
})

test('a client waits for its upstream while that is suspected, and is moved when it has waited', (t) => {
  const [, a, b] = three()
  const routing = pinning([a, b])
  const cookie = cookieOf(cookiesFor([a, b]).issue(a))
  a.suspected = true
  t.like(routing.pick(cookie, []), { busy: a })
  t.like(routing.pick(cookie, [], false), { upstream: b, because: 'a suspected' })
  b.suspected = true
  t.deepEqual(choice(routing, cookie), { upstream: a, why: 'pinned', fields: [] })
})

test('of several cookies of the name, the one that holds counts, wherever it stands', (t) => {
  const [all, a, b] = three()
  const routing = pinning(all)
  a.incarnation = 'before'
  const over = cookieOf(cookiesFor(all).issue(a))
  a.incarnation = 'now'
  const cookie = cookieOf(cookiesFor(all).issue(b))
  const forged = cookie.replace('=b.', '=a.')
  for (const planted of [`${AFFINITY_COOKIE}=x`, forged, over]) {
    for (const sent of [`${planted}; ${cookie}`, `${cookie}; ${planted}`]) {
      t.deepEqual(choice(routing, sent), { upstream: b, why: 'pinned', fields: [] })
    }
  }
  t.is(choice(routing, `${`${forged}; `.repeat(64)}${cookie}`).why, 'turn')
})

test('a node that was started again is another one', (t) => {
  const [all, a] = three()
  const routing = pinning(all)
  a.incarnation = 'first life'
  const before = cookiesFor(all).issue(a)
  t.regex(before, /^ninelives-upstream=a\.[\w-]{8}\.[\w-]{43};/)
  t.is(choice(routing, cookieOf(before)).why, 'pinned')
  a.incarnation = 'second life'
  const after = choice(routing, cookieOf(before))
  t.is(after.because, 'a restarted')
  t.is(field(after, 'X-Affinity-Moved'), 'a; reason=restarted')
  t.not(cookiesFor(all).issue(a), before)
})

test('upstreams that exchange their names keep their clients, whose cookies are replaced', (t) => {
  const [all, a, b] = three()
  a.incarnation = 'one'
  b.incarnation = 'other'
  // As of two workers, one of which starts after the change.
  for (const routing of [pinning(all), undefined]) {
    Object.assign(a, { name: 'a' })
    Object.assign(b, { name: 'b' })
    const before = cookieOf(cookiesFor(all).issue(a))
    t.is(choice(routing ?? pinning(all), before).upstream, a)
    Object.assign(a, { name: 'b' })
    Object.assign(b, { name: 'a' })
    const after = choice(routing ?? pinning(all), before)
    t.like(after, { upstream: a, why: 'pinned', fields: ['Set-Cookie', cookiesFor(all).issue(a)] })
    t.regex(cookiesFor(all).issue(a), /^ninelives-upstream=b\./)
    const replaced = cookieOf(field(after, 'Set-Cookie'))
    t.deepEqual(choice(routing ?? pinning(all), replaced), { upstream: a, why: 'pinned', fields: [] })
  }
})

test('where no other upstream is left, a client stays, and does not count as moved', (t) => {
  const [, a] = three()
  const cookie = cookieOf(cookiesFor([a]).issue(a))
  a.standing = 'down'
  t.deepEqual(choice(pinning([a]), cookie), { upstream: a, why: 'pinned', fields: [] })
  t.is(names(pinning([a]), 1, cookie, [a]), '-')
})

test('a cookie signed by an older key is honoured and replaced, one by a strange key ignored', (t) => {
  const [all, , b] = three()
  const old = cookieOf(cookiesFor(all, [OLD_KEY]).issue(b))
  t.deepEqual(choice(pinning(all, [NEW_KEY, OLD_KEY]), old), {
    upstream: b,
    why: 'pinned',
    fields: ['Set-Cookie', cookiesFor(all).issue(b)],
  })
  t.is(cookiesFor(all).read(old), undefined)
})

test('a client can not make a cookie for another upstream, or for another incarnation of one', (t) => {
  const [all, a] = three()
  a.incarnation = 'first life'
  const cookies = cookiesFor(all)
  const genuine = cookieOf(cookies.issue(a))
  t.deepEqual(cookies.read(genuine), { name: 'a', alive: true, current: true })
  const forged = [
    genuine.replace('=a.', '=b.'),
    genuine.replace(/\.[\w-]{8}\./, '.-.'),
    genuine.replace(/\.[\w-]{8}\./, '.AAAAAAAA.'),
    `${AFFINITY_COOKIE}=a`,
    `${AFFINITY_COOKIE}=a.-.`,
    `${AFFINITY_COOKIE}=`,
  ]
  for (const cookie of [...forged, `${genuine}x`, `x${genuine}`, '', ';;', '=']) t.is(cookies.read(cookie), undefined)
  t.deepEqual(cookies.read(`${forged[0]}; ${genuine}`), { name: 'a', alive: true, current: true })
})

test('the cookie is for TLS only where the configuration says so', (t) => {
  const [all, a] = three()
  t.regex(cookiesFor(all, [NEW_KEY], true).issue(a), /; Secure$/)
})
