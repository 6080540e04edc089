import test from 'ava'
import { bySession, sessionKeyOf } from '../../src/routing/by-session.ts'
import { placeOf, rendezvousScore, scoreOf } from '../../src/routing/rendezvous.ts'
import { byRule } from '../../src/routing/routing.ts'
import { weightedTurns } from '../../src/routing/rules.ts'
import type { Upstream } from '../../src/upstreams/upstream.ts'
import { choice, LIMITS, names, sorted, upstreamsOf } from '../fixtures/traffic/upstreams.ts'

const someone = 'sid=handle-0.secret.signature'

function score({ name }: Upstream): number {
  return rendezvousScore(sessionKeyOf('handle-0') ?? '', name)
}

function routingOf(upstreams: readonly Upstream[]) {
  const sessionless = byRule(upstreams, weightedTurns())
  return bySession({ upstreams, cookieName: 'sid', loadBoundPercent: () => 125, sessionless })
}

const x = (length: number): string => 'x'.repeat(length)

const sessions = Array.from({ length: 3_000 }, (_, index) => `sid=handle-${index}.secret.signature`)

test('a session goes to the same upstream always, in the cookie of TLS too; without one by turns', (t) => {
  const routing = routingOf(upstreamsOf({ a: 'up', b: 'up', c: 'up' }))
  const first = choice(routing, someone)
  t.is(first.why, 'owner')
  t.is(names(routing, 3, 'x=1; sid=handle-0.rotated.other; y=2'), first.upstream.name.repeat(3))
  t.is(choice(routing, '__Host-sid=handle-0.secret.signature').upstream, first.upstream)
  t.is(sorted(names(routing, 3)), 'abc')
  t.is(sorted(names(routing, 3, 'sid=; asid=handle-0')), 'abc')
})

test("a planted cookie does not lead away from the session's own", (t) => {
  const routing = routingOf(upstreamsOf({ a: 'up', b: 'up', c: 'up' }))
  const sealed = [`${x(22)}.${x(43)}.${x(43)}`, `${x(21)}y.${x(43)}.${x(22)}.${x(43)}`, `${x(21)}z.${x(43)}.${x(43)}`]
  for (const value of sealed) {
    const { upstream } = choice(routing, `sid=${value}`)
    for (let planted = 0; planted < 10; planted += 1) {
      for (const cookie of [`sid=garbage${planted}; sid=${value}`, `sid=garbage${planted}; __Host-sid=${value}`]) {
        t.is(choice(routing, cookie).upstream, upstream)
      }
    }
  }
})

test('sessions spread evenly, and one upstream that goes moves only its own', (t) => {
  const all = upstreamsOf({ a: 'up', b: 'up', c: 'up' })
  const routing = routingOf(all)
  const before = sessions.map((cookie) => choice(routing, cookie).upstream.name)
  for (const name of 'abc') t.true(Math.abs(before.filter((each) => each === name).length - 1_000) < 150, name)
  const [a] = all
  if (!a) return t.fail()
  a.standing = 'down'
  for (const [index, cookie] of sessions.entries()) {
    const { upstream, why } = choice(routing, cookie)
    if (before[index] === 'a') t.is(why, 'not-owner')
    else t.true(upstream.name === before[index])
  }
})

test('an upstream that has more than its share is skipped, for the next in the same order', (t) => {
  const all = upstreamsOf({ a: 'up', b: 'up', c: 'up' })
  const routing = routingOf(all)
  const owner = choice(routing, someone).upstream
  const [first, second] = [...all].sort((left, right) => score(right) - score(left))
  t.is(first, owner)
  // Little is under way: a busy owner is no sign of too much.
  owner.inFlight = 7
  t.is(choice(routing, someone).upstream, owner)
  owner.inFlight = 30
  t.like(choice(routing, someone), { upstream: second, why: 'not-owner' })
  for (const upstream of all) upstream.inFlight = 30
  t.is(choice(routing, someone).upstream, owner)
})

test('where all upstreams are full the request waits, and where all were tried there is none', (t) => {
  const all = upstreamsOf({ a: 'up', b: 'up' })
  const routing = routingOf(all)
  for (const upstream of all) upstream.inFlight = LIMITS.upstreamInFlightMax
  t.is(names(routing, 1, someone), '?')
  t.is(names(routing, 1, someone, all), '-')
})

/** What the clustered store comes to as well: keys of sessions, and the order in which five nodes hold them. */
const PLACED = [
  ['h0', '24fO5SUEylcyutSd2x1bhV', 'acebd'],
  ['h1', 'MxEu4U7kacPrUv6QMi7IHd', 'decba'],
  ['h2', '-Zj-Bq-gz75z4ESdwrFpgw', 'debac'],
  ['h3', 'l_tfhTi4n2wazP0Zg2tlpz', 'decba'],
  ['h4', '6VkMBM6lS-t2mpYUhYMXZg', 'cabde'],
] as const

test("keys and orders are the clustered store's own", (t) => {
  for (const [handle, key, order] of PLACED) {
    t.is(sessionKeyOf(`${handle}.secret.signature`), key)
    const place = placeOf(key)
    const names = ['a', 'b', 'c', 'd', 'e'].sort((left, right) => scoreOf(place, right) - scoreOf(place, left))
    t.is(names.join(''), order)
  }
})
