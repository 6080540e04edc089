import test from 'ava'
import { sum, type UsersSecond } from '@ninelives/history'
import { seededRandom } from '../src/random.ts'
import { CookieJar } from '../src/users/cookie-jar.ts'
import { startLoad } from '../src/users/load.ts'
import { dueTimes } from '../src/users/schedule.ts'
import { SeenNodes } from '../src/users/seen-nodes.ts'
import { until } from '../src/wait.ts'
import { testShop } from './fixtures/shop.ts'

function first(n: number, seed: number): number[] {
  const times = dueTimes(100, seededRandom(seed))
  return Array.from({ length: n }, () => times.next().value)
}

test('the seed alone decides when a user acts', (t) => {
  t.deepEqual(first(50, 7), first(50, 7))
  t.notDeepEqual(first(50, 7), first(50, 8))
})

test('users act at the rate that was asked for, never two times at once', (t) => {
  const times = first(10_000, 1)
  t.true(Math.abs((times.at(-1) ?? 0) - 1_000_000) < 20_000)
  t.true(times.every((dueMs, index) => index === 0 || dueMs - (times[index - 1] ?? 0) >= 50))
})

test('every operation is counted once, and a healthy shop loses nothing', async (t) => {
  const shop = await testShop(t)
  const seconds: UsersSecond[] = []
  const end = startLoad({ target: shop.url, users: 5, rate: 100, seed: 3, onSecond: (second) => seconds.push(second) })
  t.teardown(end)
  await until(() => seconds.length === 3, { deadlineMs: 10_000, what: 'three seconds' })
  end()
  const total = (pick: (second: UsersSecond) => number): number =>
    seconds.reduce((all, second) => all + pick(second), 0)
  const ended = total(({ ok, failed, unknown }) => ok + sum(failed) + sum(unknown))
  t.true(total(({ sent }) => sent) - ended <= 5, 'at most one operation of each user is under way')
  t.true(ended > 100)
  t.is(
    ended,
    total(({ ok }) => ok),
  )
  t.is(
    ended,
    total(({ byNode }) => sum(byNode)),
  )
  t.deepEqual(seconds.at(-1)?.users, { all: 5, loggedIn: 5, intact: 5 })
  t.true(seconds.every(({ latencyMs }) => latencyMs.p50 > 0 && latencyMs.p99 >= latencyMs.p50))
})

test('a cookie is kept until it is taken away', (t) => {
  const jar = new CookieJar()
  t.is(jar.header(), undefined)
  jar.store(['sid=abc=; Path=/; HttpOnly', 'route=x; Max-Age=60', 'nonsense'])
  t.is(jar.header(), 'sid=abc=; route=x')
  jar.store(['sid=def', 'route=; Max-Age=0'])
  t.is(jar.header(), 'sid=def')
  jar.store(['sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT'])
  t.is(jar.header(), undefined)
})

test('a node that owes many answers has stopped, and answers again with the first', (t) => {
  const seen = new SeenNodes()
  for (let second = 0; second < 5; second++) t.deepEqual(seen.second({ a: 17, b: 16 }), [])
  t.deepEqual(seen.second({ a: 33 }), [{ node: 'b', answers: false }])
  t.deepEqual(seen.second({ a: 33 }), [])
  t.deepEqual(seen.second({ a: 32, b: 1 }), [{ node: 'b', answers: true }])
  t.deepEqual(seen.names, ['a', 'b'])
})

test('a node with little to do may be quiet for a while', (t) => {
  const seen = new SeenNodes()
  for (let second = 0; second < 5; second++) seen.second({ a: 5 })
  t.deepEqual(seen.second({}), [])
  t.deepEqual(seen.second({}), [])
  t.deepEqual(seen.second({}), [{ node: 'a', answers: false }])
})
