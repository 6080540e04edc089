import test from 'ava'
import { sum, type UsersSecond } from '@ninelives/history'
import { seededRandom } from '../../src/random.ts'
import { CookieJar } from '../../src/users/cookie-jar.ts'
import { startLoad } from '../../src/users/load.ts'
import type { OperationEvent } from '../../src/users/recorder.ts'
import { dueTimes } from '../../src/users/schedule.ts'
import { SeenNodes } from '../../src/users/seen-nodes.ts'
import { until } from '../../src/wait.ts'
import { testShop } from '../fixtures/shop.ts'

function first(n: number, seed: number): number[] {
  const times = dueTimes(100, seededRandom(seed))
  return Array.from({ length: n }, () => times.next().value)
}

test('the seed alone decides when a user acts', (t) => {
  t.deepEqual(first(50, 7), first(50, 7))
  t.notDeepEqual(first(50, 7), first(50, 8))
})

test('users act at the given rate', (t) => {
  const times = first(10_000, 1)
  t.true(Math.abs((times.at(-1) ?? 0) - 1_000_000) < 20_000)
  t.true(times.every((dueMs, index) => index === 0 || dueMs - (times[index - 1] ?? 0) >= 50))
})

test('every operation is counted once, and a healthy shop loses nothing', async (t) => {
  const shop = await testShop(t)
  const seconds: UsersSecond[] = []
  const load = startLoad({ target: shop.url, users: 5, rate: 100, seed: 3, onSecond: (second) => seconds.push(second) })
  t.teardown(() => load.end())
  const total = (pick: (second: UsersSecond) => number): number =>
    seconds.reduce((all, second) => all + pick(second), 0)
  const endedSoFar = (): number => total(({ ok, failed, unknown }) => ok + sum(failed) + sum(unknown))
  await until(() => seconds.length >= 3 && endedSoFar() > 100, { deadlineMs: 60_000, what: 'a hundred operations' })
  load.end()
  const ended = endedSoFar()
  t.true(total(({ sent }) => sent) - ended <= 5, 'at most one operation of each user is under way')
  t.is(
    ended,
    total(({ ok }) => ok),
  )
  t.is(
    ended,
    total(({ byNode }) => sum(byNode)),
  )
  t.true(seconds.every(({ users }) => users.all === 5 && users.intact === 5))
  t.true(
    seconds.some(({ users }) => users.loggedIn === 5),
    'no user is refused',
  )
  const busy = seconds.filter(({ byNode }) => sum(byNode) > 0)
  t.true(busy.every(({ latencyMs }) => latencyMs.p50 > 0 && latencyMs.p99 >= latencyMs.p50))
})

test('every operation is recorded when it is sent and when it ends, one at a time in a tab', async (t) => {
  const shop = await testShop(t)
  const events: OperationEvent[] = []
  const load = startLoad({
    target: shop.url,
    users: 4,
    tabs: 3,
    rate: 300,
    seed: 3,
    onSecond: () => undefined,
    onOperations: (batch) => events.push(...batch),
  })
  t.teardown(() => load.end())
  await until(() => events.length > 600, { deadlineMs: 60_000, what: 'three hundred operations' })
  await load.settle([{ name: 'a', url: shop.url.href }])

  const underWay = new Map<number, string>()
  const busy = new Set<string>()
  for (const event of events) {
    if (event.type === 'operation-sent') {
      const tab = `${event.user} ${event.tab}`
      t.false(busy.has(tab))
      busy.add(tab)
      underWay.set(event.op, tab)
    } else {
      t.true(busy.delete(underWay.get(event.op) ?? ''))
      underWay.delete(event.op)
    }
  }
  t.is(underWay.size, 0, 'each has ended')
  const sent = events.filter((event) => event.type === 'operation-sent')
  const kinds = new Set(sent.map(({ kind }) => kind))
  t.deepEqual([...kinds].sort(), ['copy', 'count', 'forge', 'login', 'logout', 'put', 'read', 'return'])
  const skus = sent.flatMap(({ sku }) => sku ?? [])
  t.is(new Set(skus).size, skus.length, 'no sku is put twice')
  t.true(sent.every(({ dueAtMs, sentAtMs, lateMs }) => lateMs >= 0 && (sentAtMs >= dueAtMs || lateMs === 0)))
  const looks = events.filter((event) => event.type === 'operation-ended' && event.as !== undefined)
  t.true(looks.length > 50)
})

test("a changed rate keeps the users' state, and due times come from the seed alone", async (t) => {
  const shop = await testShop(t)
  const events: OperationEvent[] = []
  const load = startLoad({
    target: shop.url,
    users: 4,
    tabs: 2,
    rate: 400,
    seed: 3,
    onSecond: () => undefined,
    onOperations: (batch) => events.push(...batch),
  })
  t.teardown(() => load.end())
  const dues = (): number[] => events.flatMap((event) => (event.type === 'operation-sent' ? event.dueAtMs : []))
  await until(() => dues().length > 100, { deadlineMs: 60_000, what: 'a hundred operations' })
  const tookMs = await sixteenAfter(dues, () => load.pace(40))
  load.end()
  // Eight tabs, each of which acts every 200 ms on average, and no sooner than after 100.
  t.true(tookMs > 150, `${tookMs}`)
  t.true(events.every((event) => event.type !== 'operation-ended' || event.outcome === 'ok'))
})

test('of two changes of the rate at the same time the later one holds', async (t) => {
  const shop = await testShop(t)
  const dues: number[] = []
  const load = startLoad({
    target: shop.url,
    users: 4,
    rate: 1,
    seed: 3,
    onSecond: () => undefined,
    onOperations: (batch) =>
      dues.push(...batch.flatMap((event) => (event.type === 'operation-sent' ? event.dueAtMs : []))),
  })
  t.teardown(() => load.end())
  const tookMs = await sixteenAfter(
    () => dues,
    () => Promise.all([load.pace(400), load.pace(20)]),
  )
  // Four tabs, each of which acts every 200 ms on average, and no sooner than after 100.
  t.true(tookMs > 250, `${tookMs}`)
})

/** The milliseconds from the first to the sixteenth due time after a change of the rate. */
async function sixteenAfter(dues: () => readonly number[], change: () => Promise<unknown>): Promise<number> {
  const changedAtMs = performance.now()
  await change()
  const since = (): number[] => dues().filter((dueAtMs) => dueAtMs > changedAtMs)
  await until(() => since().length > 16, { deadlineMs: 60_000, what: 'operations at the new rate' })
  const due = since().sort((a, b) => a - b)
  const [first = 0, last = 0] = [due[0], due[15]]
  return last - first
}

test('a return uses a cookie of the present visit or of the previous one', async (t) => {
  const shop = await testShop(t)
  let requests = 0
  shop.meddle = () => {
    // Some visits end in a logout, and some are cut off.
    if (++requests % 300 === 0) shop.carts.clear()
    return false
  }
  const present = new Map<string, number>()
  const ages: number[] = []
  const load = startLoad({
    target: shop.url,
    users: 5,
    rate: 1_000,
    seed: 3,
    onSecond: () => undefined,
    onOperations(batch) {
      for (const event of batch) {
        if (event.type !== 'operation-sent') continue
        if (event.kind === 'return') ages.push((present.get(event.user) ?? 0) - event.visit)
        else present.set(event.user, event.visit)
      }
    },
  })
  t.teardown(() => load.end())
  await until(() => ages.length >= 100, { deadlineMs: 60_000, what: 'a hundred returns' })
  t.deepEqual(
    ages.filter((age) => age !== 0 && age !== 1),
    [],
  )
})

test('a user with a 401 just before the end looks again as often as otherwise', async (t) => {
  const shop = await testShop(t)
  const events: OperationEvent[] = []
  const load = startLoad({
    target: shop.url,
    users: 1,
    rate: 100,
    seed: 3,
    onSecond: () => undefined,
    onOperations: (batch) => events.push(...batch),
  })
  t.teardown(() => load.end())
  let settled: Promise<void> | undefined
  shop.meddle = ({ headers, url }, response) => {
    const session = /sid=(\w+)/.exec(headers.cookie ?? '')?.[1] ?? ''
    if (settled !== undefined || url !== '/api/cart' || !shop.carts.has(session)) return false
    settled = load.settle([])
    response.writeHead(401).end('{}')
    return true
  }
  await until(() => settled !== undefined, { deadlineMs: 60_000, what: 'the end' })
  await settled
  const outcomes = events.flatMap((event) => (event.type === 'operation-ended' ? event.outcome : []))
  t.deepEqual(outcomes.slice(-2), ['failed', 'ok'])
})

test('the seed alone decides when each operation is due', async (t) => {
  const dues: number[][] = []
  for (let run = 0; run < 2; run++) {
    const shop = await testShop(t)
    const due: number[] = []
    let beganMs = 0
    const load = startLoad({
      target: shop.url,
      users: 2,
      tabs: 2,
      rate: 200,
      seed: 11,
      onSecond: () => undefined,
      onOperations(batch) {
        for (const event of batch) if (event.type === 'operation-sent') due.push(event.dueAtMs)
      },
      now: () => performance.now() - (beganMs ||= performance.now()),
    })
    await until(() => due.length > 50, { deadlineMs: 60_000, what: 'fifty operations' })
    load.end()
    dues.push(due.sort((a, b) => a - b).slice(0, 40))
  }
  const [first = [], second = []] = dues
  // Both begin a little after their clock does.
  const offset = (second[0] ?? 0) - (first[0] ?? 0)
  t.true(first.every((dueMs, n) => Math.abs((second[n] ?? 0) - dueMs - offset) < 0.05))
})

test('a forged cookie has the names and looks of the real one, and its fingerprint another value', (t) => {
  const jar = new CookieJar()
  t.is(jar.fingerprint(), undefined)
  jar.store(['route=r1; Path=/', 'sid=AbC-12.xyz=; Path=/; HttpOnly'])
  const forged = jar.forged(seededRandom(1))
  t.regex(forged.header() ?? '', /^route=\w{2}; sid=\w{3}-\w{2}\.\w{3}=$/)
  t.not(forged.header(), jar.header())
  t.not(forged.fingerprint(), jar.fingerprint())
  const before = jar.fingerprint()
  jar.store(['route=r2; Path=/'])
  t.is(jar.fingerprint(), before, 'only the cookie of the session counts')
  t.false((before ?? '').includes('AbC'))
})

test("the fingerprint includes every cookie that may be the session's", (t) => {
  const jar = new CookieJar()
  jar.store(['session-affinity=node-a', 'connect.sid=old', 'has_session=1'])
  const before = jar.fingerprint()
  jar.store(['connect.sid=new'])
  t.not(jar.fingerprint(), before)
  jar.store(['connect.sid=old', 'session-affinity=; Max-Age=0', 'session-affinity=node-a', 'route=r1'])
  t.is(jar.fingerprint(), before, 'whatever the order in which they came')
})

test('a cookie is kept until it is deleted', (t) => {
  const jar = new CookieJar()
  t.is(jar.header(), undefined)
  jar.store(['sid=abc=; Path=/; HttpOnly', 'route=x; Max-Age=60', 'nonsense'])
  t.is(jar.header(), 'sid=abc=; route=x')
  jar.store(['sid=def', 'route=; Max-Age=0'])
  t.is(jar.header(), 'sid=def')
  jar.store(['sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT'])
  t.is(jar.header(), undefined)
})

test('a node with many missing answers is silent, and back with its first answer', (t) => {
  const seen = new SeenNodes()
  for (let second = 0; second < 5; second++) t.deepEqual(seen.second({ a: 17, b: 16 }), [])
  t.deepEqual(seen.second({ a: 33 }), [{ node: 'b', answers: false }])
  t.deepEqual(seen.second({ a: 33 }), [])
  t.deepEqual(seen.second({ a: 32, b: 1 }), [{ node: 'b', answers: true }])
  t.deepEqual(seen.names, ['a', 'b'])
})

test('a node with few requests may be silent for a while', (t) => {
  const seen = new SeenNodes()
  for (let second = 0; second < 5; second++) seen.second({ a: 5 })
  t.deepEqual(seen.second({}), [])
  t.deepEqual(seen.second({}), [])
  t.deepEqual(seen.second({}), [{ node: 'a', answers: false }])
})
