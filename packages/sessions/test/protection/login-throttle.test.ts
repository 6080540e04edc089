import test from 'ava'
import Koa from 'koa'
import type { SessionStore } from '../../src/contract.ts'
import { SessionError, StoreUnavailableError } from '../../src/errors.ts'
import {
  loginThrottle,
  type LoginThrottle,
  LoginThrottledError,
  type LoginThrottleOptions,
} from '../../src/protection/login-throttle.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { START_MS } from '../support/engine.ts'
import { listening, say } from '../support/koa-server.ts'
import { somewhere, waitS } from '../support/logins.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const HOME = '192.0.2.1'

interface UnderTest {
  readonly throttle: LoginThrottle
  readonly store: SessionStore
  readonly time: { nowMs: number }
  readonly events: string[]
}

function setUp(options: Partial<LoginThrottleOptions> = {}): UnderTest {
  const time = { nowMs: START_MS }
  const clock = { now: () => time.nowMs }
  const events: string[] = []
  const store = options.store ?? memoryStore({ clock })
  const throttle = loginThrottle({
    clock,
    onEvent: ({ event, lane }) => events.push(lane === undefined ? event : `${event} ${lane}`),
    ...options,
    store,
  })
  return { throttle, store, time, events }
}

const down = (): Promise<never> => Promise.reject(new StoreUnavailableError('memory'))

/** Fails as often as it is let in, each time the very instant that it is. */
async function fail(
  { throttle, time }: UnderTest,
  account: string,
  times: number,
  from: (n: number) => string,
): Promise<void> {
  for (let done = 0; done < times;) {
    const wait = await waitS(throttle, account, from(done))
    if (wait === 0) done++
    else time.nowMs += wait * 1_000
  }
}

test('the first failures are free, then each wait is double the one before, up to a minute', async (t) => {
  const { throttle, time } = setUp()
  const waits: number[] = []
  for (let number = 0; number < 14; number++) {
    const wait = await waitS(throttle, 'user', somewhere(number))
    waits.push(wait)
    time.nowMs += wait * 1_000
    if (wait > 0) t.is(await waitS(throttle, 'user', somewhere(number)), 0)
  }
  t.deepEqual(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60])
})

test('after 100 failures in a row strangers have one attempt an hour', async (t) => {
  const tested = setUp()
  await fail(tested, 'user', 100, somewhere)
  t.is(await waitS(tested.throttle, 'user', HOME), 3_600)
  tested.time.nowMs += HOUR_MS
  t.is(await waitS(tested.throttle, 'user', HOME), 0)
  t.is(await waitS(tested.throttle, 'user', HOME), 3_600)
})

test('a lock can be as long as the standard asks, and a reset password opens it', async (t) => {
  const tested = setUp({ account: { lockMs: 365 * 24 * HOUR_MS } })
  await fail(tested, 'user', 100, somewhere)
  tested.time.nowMs += 364 * 24 * HOUR_MS
  t.not(await waitS(tested.throttle, 'user', HOME), 0)
  await tested.throttle.forgive('user')
  t.is(await waitS(tested.throttle, 'user', HOME), 0)
})

test('a right password begins the count of the account anew, and takes back only its own attempt from the address', async (t) => {
  const { throttle } = setUp({ account: { freeFailures: 3 }, address: { freeFailures: 5 } })
  for (const account of ['a', 'b', 'c']) await throttle.check(account, HOME)
  await throttle.check('user', HOME)
  const attempt = await throttle.check('user', HOME)
  await attempt.succeeded()
  // Of the address' five, four have failed; of the account's none.
  t.is(await waitS(throttle, 'd', HOME), 0)
  t.is(await waitS(throttle, 'e', HOME), 1)
  for (let number = 0; number < 3; number++) t.is(await waitS(throttle, 'user', somewhere(number)), 0)
})

test("a login to the guesser's own account does not reset the count of the address", async (t) => {
  const { throttle, time } = setUp({ address: { freeFailures: 6 } })
  const own = await throttle.check('own', HOME)
  await own.succeeded()
  let waited = 0
  for (let number = 0; number < 20; number++) {
    const wait = await waitS(throttle, `victim-${number}`, HOME)
    waited += wait
    time.nowMs += wait * 1_000
    if (wait > 0) await throttle.check(`victim-${number}`, HOME)
    const again = await throttle.check('own', HOME)
    await again.succeeded()
  }
  t.is(waited, 1 + 2 + 4 + 8 + 16 + 32 + 64 + 128 + 256 + 512 + 900 * 4)
})

test('a victim logs in where it has logged in before, whatever strangers do to its account', async (t) => {
  const tested = setUp()
  const first = await tested.throttle.check('victim', HOME)
  await first.succeeded()
  await fail(tested, 'victim', 100, somewhere)
  t.is(await waitS(tested.throttle, 'victim', '203.0.113.9'), 3_600)
  const again = await tested.throttle.check('victim', HOME)
  await again.succeeded()
  // And with that, from anywhere.
  t.is(await waitS(tested.throttle, 'victim', '203.0.113.9'), 0)
})

test('a device that the application knows is such a place too, on whatever network', async (t) => {
  const tested = setUp()
  const first = await tested.throttle.check('victim', HOME, 'device-1')
  await first.succeeded()
  await fail(tested, 'victim', 100, somewhere)
  t.is(await waitS(tested.throttle, 'victim', '203.0.113.9', 'device-2'), 3_600)
  t.is(await waitS(tested.throttle, 'victim', HOME), 3_600)
  t.is(await waitS(tested.throttle, 'victim', '203.0.113.9', 'device-1'), 0)
})

test('a place that is known is one for its account only, and ten failures there make it a stranger', async (t) => {
  const tested = setUp()
  const { throttle } = tested
  const first = await throttle.check('user', HOME)
  await first.succeeded()
  await fail(tested, 'other', 100, somewhere)
  t.is(await waitS(throttle, 'other', HOME), 3_600)

  await fail(tested, 'user', 100, somewhere)
  await fail(tested, 'user', 10, () => HOME)
  t.not(await waitS(throttle, 'user', HOME), 0)
})

test('one address that guesses at one account is slowed down itself, long before the account is locked', async (t) => {
  const tested = setUp()
  await fail(tested, 'victim', 40, () => HOME)
  t.is(await waitS(tested.throttle, 'anybody', HOME), 900)
  t.true((await waitS(tested.throttle, 'victim', '203.0.113.9')) <= 60)
})

test('addresses of one IPv6 network are one address', async (t) => {
  const { throttle } = setUp({ address: { freeFailures: 2 } })
  t.is(await waitS(throttle, 'a', '2001:db8:0:1200::1'), 0)
  t.is(await waitS(throttle, 'b', '2001:db8:0:12ff::2'), 0)
  t.is(await waitS(throttle, 'c', '2001:db8:0:1234::3'), 1)
  t.is(await waitS(throttle, 'c', '2001:db8:0:1300::3'), 0)
})

test('failures are forgotten after a quiet day, those of an address after a quiet hour', async (t) => {
  const tested = setUp()
  await fail(tested, 'user', 12, () => HOME)
  await fail(tested, 'other', 12, () => HOME)
  tested.time.nowMs += HOUR_MS
  for (let number = 0; number < 20; number++) t.is(await waitS(tested.throttle, `new-${number}`, HOME), 0)
  t.is(await waitS(tested.throttle, 'user', '203.0.113.9'), 0)
  t.is(await waitS(tested.throttle, 'user', '203.0.113.9'), 60)
  tested.time.nowMs += 24 * HOUR_MS
  for (let number = 0; number < 5; number++) t.is(await waitS(tested.throttle, 'user', '203.0.113.9'), 0)
})

test('an attempt that never came to the password does not count', async (t) => {
  const { throttle } = setUp({ account: { freeFailures: 2 } })
  for (let number = 0; number < 10; number++) {
    const attempt = await throttle.check('user', HOME)
    await attempt.withdraw()
  }
  t.is(await waitS(throttle, 'user', HOME), 0)
})

test('what is refused is not counted and writes nothing', async (t) => {
  const { throttle, store, events } = setUp({ account: { freeFailures: 1 } })
  await throttle.check('user', HOME)
  store.write = () => Promise.reject(new Error('written'))
  for (let number = 0; number < 30; number++) t.is(await waitS(throttle, 'user', HOME), 1)
  t.deepEqual([...new Set(events)], ['throttled account'])
})

test('however many attempts, an account and an address take one small record each', async (t) => {
  const tested = setUp()
  const write = tested.store.write.bind(tested.store)
  const sizes = new Map<string, number>()
  tested.store.write = (key, change) => {
    sizes.set(key, change.body.length)
    return write(key, change)
  }
  await fail(tested, 'user', 100, () => HOME)
  t.is(sizes.size, 2)
  t.true([...sizes.values()].every((size) => size < 200))
  // They are no sessions, and are not counted as such.
  t.is(tested.store.localSessionCount?.(), 0)
})

test('neither the name of an account nor an address reaches the store', async (t) => {
  const inner = memoryStore()
  const seen: string[] = []
  const store: SessionStore = {
    ...inner,
    read: (key) => {
      seen.push(key)
      return inner.read(key)
    },
    write: (key, write) => {
      seen.push(key, write.body)
      return inner.write(key, write)
    },
  }
  const attempt = await loginThrottle({ store }).check('user-name', HOME, 'device-name')
  await attempt.succeeded()
  t.true(seen.length >= 6)
  t.notRegex(seen.join(' '), /name|192\.0\.2|c0000201/)
})

for (const policy of ['refuse', 'allow'] as const) {
  test(`with the store down, attempts are ${policy === 'refuse' ? 'refused with its error' : 'let in uncounted'} if the policy says ${policy}`, async (t) => {
    const { throttle, store, events } = setUp({ whenStoreIsDown: policy })
    const attempt = await throttle.check('user', HOME)
    Object.assign(store, { read: down, write: down })
    await t.notThrowsAsync(attempt.succeeded(), 'a right password is not refused for the sake of a count')
    if (policy === 'refuse') await t.throwsAsync(throttle.check('user', HOME), { instanceOf: StoreUnavailableError })
    else await t.notThrowsAsync(throttle.check('user', HOME).then((each) => each.succeeded()))
    t.true(events.includes('uncounted'))
  })
}

test('a count that can not be read is an error, not a free pass', async (t) => {
  const { throttle, store } = setUp()
  store.read = async () => ({ version: 1, expiresAtMs: START_MS + HOUR_MS, body: '{}' })
  await t.throwsAsync(throttle.check('user', HOME), { code: 'RECORD_UNREADABLE' })
})

test('a login that comes too early is a 429 that says when to come back', async (t) => {
  const { throttle } = setUp({ account: { freeFailures: 1 } })
  const app = new Koa()
  app.use(async (ctx) => {
    await throttle.check('user', ctx.ip)
    ctx.status = 401
  })
  const url = await listening(t, app)
  t.is((await say(url, { method: 'POST' })).status, 401)
  const refused = await say(url, { method: 'POST' })
  t.is(refused.status, 429)
  t.is(refused.headers['retry-after'], '1')
})

test('its error is one of the layer', (t) => {
  const error = new LoginThrottledError(1_001)
  t.true(error instanceof SessionError)
  t.like(error, { code: 'LOGIN_THROTTLED', status: 429, headers: { 'Retry-After': '2' } })
})

test('a burst at one account does not count against the other accounts of its address', async (t) => {
  const { throttle, events } = setUp()
  const waits = await Promise.all(Array.from({ length: 30 }, () => waitS(throttle, 'alice', HOME)))
  t.is(waits.filter((wait) => wait === 0).length, 5)
  t.deepEqual(new Set(events), new Set(['throttled account']))
  t.is(await waitS(throttle, 'bob', HOME), 0)
})

test('a burst that its address refuses does not count against the accounts that it was aimed at', async (t) => {
  const tested = setUp({
    address: { freeFailures: 3, failuresMax: 100 },
    account: { freeFailures: 1, failuresMax: 100 },
  })
  const { throttle, time } = tested
  const accounts = Array.from({ length: 10 }, (_, number) => `user-${number}`)
  const waits = await Promise.all(accounts.map((account) => waitS(throttle, account, HOME)))
  t.is(waits.filter((wait) => wait === 0).length, 3)
  time.nowMs += 1
  const elsewhere = await Promise.all(accounts.map((account, number) => waitS(throttle, account, somewhere(number))))
  t.deepEqual(
    elsewhere.map((wait) => wait === 0),
    waits.map((wait) => wait > 0),
  )
})

test('an attempt that the store did not let through does not count where it was counted already', async (t) => {
  const store = memoryStore()
  const write = store.write.bind(store)
  const { throttle } = setUp({ store, account: { freeFailures: 1 } })
  let writes = 0
  store.write = (key, change) => (++writes === 2 ? down() : write(key, change))
  await t.throwsAsync(throttle.check('user', HOME), { instanceOf: StoreUnavailableError })
  t.is(await waitS(throttle, 'user', HOME), 0)
})
