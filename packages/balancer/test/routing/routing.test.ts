import test from 'ava'
import { byRule } from '../../src/routing/routing.ts'
import { leastBusy, weightedTurns } from '../../src/routing/rules.ts'
import type { Upstream } from '../../src/upstreams/upstream.ts'
import { LIMITS, names, sorted, upstreamsOf } from '../fixtures/traffic/upstreams.ts'

const roundRobin = (upstreams: readonly Upstream[]) => byRule(upstreams, weightedTurns())

test('round robin takes turns', (t) => {
  const turns = names(roundRobin(upstreamsOf({ a: 'up', b: 'up', c: 'up' })), 6)
  t.is(turns.slice(0, 3), turns.slice(3))
  t.is(sorted(turns), 'aabbcc')
})

test('the turn of an upstream that is out is shared by the others', (t) => {
  t.is(sorted(names(roundRobin(upstreamsOf({ a: 'up', b: 'down', c: 'up', d: 'draining' })), 6)), 'aaaccc')
})

test('turns by weight are exact, and not in a bunch', (t) => {
  const all = upstreamsOf({ a: 'up', b: 'up', c: 'up' })
  const [a] = all
  if (!a) return t.fail()
  a.weight = 5
  t.is(names(roundRobin(all), 7), 'aabacaa')
})

test('an upstream that was tried or is full is skipped', (t) => {
  const all = upstreamsOf({ a: 'up', b: 'up', c: 'up' })
  const [a, b, c] = all
  if (!a || !b || !c) return t.fail()
  const routing = roundRobin(all)
  b.inFlight = LIMITS.upstreamInFlightMax
  t.is(names(routing, 3, undefined, [a]), 'ccc')
  t.is(names(routing, 1, undefined, all), '-')
})

test('where all are full the request waits, rather than go to one that drains or is down', (t) => {
  const all = upstreamsOf({ a: 'up', b: 'draining', c: 'down' })
  const [a] = all
  if (!a) return t.fail()
  a.inFlight = LIMITS.upstreamInFlightMax
  t.is(names(roundRobin(all), 1), '?')
  t.is(names(roundRobin(all), 1, undefined, [a]), 'b')
})

test('the last upstream stays in use: one that drains before one that is down', (t) => {
  const all = upstreamsOf({ a: 'down', b: 'draining', c: 'down' })
  t.is(names(roundRobin(all), 3), 'bbb')
  t.is(sorted(names(roundRobin(all), 4, undefined, all.slice(1, 2))), 'aacc')
})

test('an upstream that warms up gets a tenth of its share at first, and all of it in the end', (t) => {
  const all = upstreamsOf({ a: 'up', b: 'up' })
  const [a, b] = all
  if (!a || !b) return t.fail()
  a.warmUp(performance.now(), 1_000_000)
  t.is(sorted(names(roundRobin(all), 22)), `${'a'.repeat(2)}${'b'.repeat(20)}`)
  a.warmUp(performance.now() - 500_000, 1_000_000)
  t.true(Math.abs(a.share() - 0.5) < 0.01)
  a.warmUp(performance.now() - 1_000_000, 1_000_000)
  t.is(a.share(), 1)
})

test('least busy: of two upstreams that are drawn, the one with fewer requests for its weight', (t) => {
  const all = upstreamsOf({ a: 'up', b: 'up', c: 'up' })
  const [a, b, c] = all
  if (!a || !b || !c) return t.fail()
  a.inFlight = 9
  b.inFlight = 4
  // Of any two that are drawn, the busiest never wins and the idlest always does.
  const seen = names(byRule(all, leastBusy(Math.random)), 300)
  t.false(seen.includes('a'))
  t.true(seen.includes('b'))
  t.true(seen.split('c').length > 150)
  a.weight = 10
  t.true(names(byRule([a, b], leastBusy(Math.random)), 20) === 'a'.repeat(20))
})

test('least busy: equal upstreams are drawn by their weights', (t) => {
  const all = upstreamsOf({ a: 'up', b: 'up', c: 'up' })
  const [a] = all
  if (!a) return t.fail()
  const even = names(byRule(all, leastBusy(Math.random)), 3_000)
  for (const name of 'abc') t.true(Math.abs(even.split(name).length - 1_000) < 200, name)
  t.is(names(byRule([a], leastBusy(Math.random)), 1), 'a')
})

test('a suspected upstream comes after the others that are up, and before those that are out', (t) => {
  const all = upstreamsOf({ a: 'up', b: 'up', c: 'draining', d: 'down' })
  const [a, b, c] = all
  if (!a || !b || !c) return t.fail()
  a.suspected = true
  t.is(names(roundRobin(all), 3), 'bbb')
  t.is(names(roundRobin(all), 1, undefined, [b]), 'c')
  t.is(names(roundRobin(all), 1, undefined, [b, c]), 'a')
  t.is(names(roundRobin(all), 1, undefined, [a, b, c]), 'd')
})

test('an upstream that an operator drains comes after a suspected one, and before one that is down', (t) => {
  const all = upstreamsOf({ a: 'up', b: 'draining', c: 'down' })
  const [a, b] = all
  if (!a || !b) return t.fail()
  a.suspected = true
  b.isRetired = true
  t.is(names(roundRobin(all), 3), 'aaa')
  t.is(names(roundRobin(all), 1, undefined, [a]), 'b')
  t.is(names(roundRobin(all), 1, undefined, [a, b]), 'c')
})
