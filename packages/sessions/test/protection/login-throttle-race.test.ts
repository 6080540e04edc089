import test, { type ExecutionContext } from 'ava'
import type { SessionStore } from '../../src/contract.ts'
import { type LoginThrottle, loginThrottle } from '../../src/protection/login-throttle.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { somewhere, waitS } from '../support/logins.ts'
import { redisMissing, redisServer } from '../support/redis/server.ts'

const HOME = '192.0.2.1'

/** Fifty at one instant over two handles on the same store, each a node's own. */
async function race(t: ExecutionContext, stores: readonly [SessionStore, SessionStore]): Promise<void> {
  const generous = { freeFailures: 1_000, failuresMax: 1_000 }
  const account = 'raced'
  const nodes = stores.map((store) => loginThrottle({ store, account: generous, address: generous }))
  const attempt = (number: number) => (nodes[number % 2] as LoginThrottle).check(account, somewhere(number))
  await Promise.all(Array.from({ length: 50 }, (_, number) => attempt(number)))
  const exactly = loginThrottle({ store: stores[0], account: { ...generous, freeFailures: 51 } })
  t.is(await waitS(exactly, account, HOME), 0, 'fifty were counted, and no more')
  t.is(await waitS(exactly, account, HOME), 1, 'fifty were counted, and no fewer')

  const strict = stores.map((store) => loginThrottle({ store, address: generous }))
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, (_, number) => waitS(strict[number % 2] as LoginThrottle, 'guessed', somewhere(number))),
  )
  t.is(outcomes.filter((wait) => wait === 0).length, 5, 'a burst gets no more guesses than a queue')
}

test('fifty parallel failures over two handles of one store all count, and a burst of guesses gets no more than the free ones', async (t) => {
  const store = memoryStore()
  await race(t, [store, { ...store }])
})

const withRedis = redisMissing === undefined ? test : test.skip

withRedis('the same with two nodes on one Redis', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const stores = [await openStore(server.url), await openStore(server.url)] as const
  for (const store of stores) {
    await store.open()
    t.teardown(() => store.close())
  }
  await race(t, stores)
})
