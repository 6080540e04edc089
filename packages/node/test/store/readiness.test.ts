import test from 'ava'
import { openStore, StoreUnavailableError } from '@ninelives/sessions'
import { storeHealth } from '../../src/store/health.ts'
import { client } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

test('a node is alive and ready', async (t) => {
  const visitor = client((await shopServer(t)).url)
  t.is((await visitor.send('GET', '/healthz')).status, 200)
  const ready = await visitor.send('GET', '/readyz')
  t.is(ready.status, 200)
  t.deepEqual(ready.body, { ready: true })
  t.is(ready.headers.get('Cache-Control'), 'no-store')
})

test('a node names its incarnation, so that the next one is not taken for it', async (t) => {
  const lives = [client((await shopServer(t)).url), client((await shopServer(t)).url)]
  const said = async (visitor: (typeof lives)[number]) =>
    (await visitor.send('GET', '/readyz')).headers.get('X-Incarnation') ?? ''
  const [first, other, again] = await Promise.all([...lives, ...lives].map(said))
  t.regex(first ?? '', /^[\w-]{16,64}$/)
  t.not(other, first)
  t.is(again, first)
})

test('a node says where it knows a request again by its key', async (t) => {
  const { headers } = await client((await shopServer(t)).url).send('GET', '/readyz')
  const routes = ['POST /api/login', 'POST /api/logout', 'POST /api/cart', 'DELETE /api/cart/:sku', 'POST /api/counter']
  t.is(headers.get('Idempotency-Key-Honoured'), routes.join(', '))
})

test('a node without its store is alive, and not ready', async (t) => {
  const store = await openStore('memory:')
  store.health = () => Promise.reject(new StoreUnavailableError('memory', new Error('connection refused')))
  const visitor = client((await shopServer(t, { store })).url)
  t.is((await visitor.send('GET', '/healthz')).status, 200)
  const ready = await visitor.send('GET', '/readyz')
  t.is(ready.status, 503)
  t.deepEqual(ready.body, { ready: false, reason: 'store', detail: ['connection refused'] })
})

test('what is amiss with a store that serves is in the detail', async (t) => {
  const store = await openStore('memory:')
  store.report = () => ({ warnings: ['redis at 127.0.0.1:7001 acknowledges writes with 1 of 2 copies'] })
  const ready = await client((await shopServer(t, { store })).url).send('GET', '/readyz')
  t.is(ready.status, 200)
  t.deepEqual(ready.body, { ready: true, detail: ['redis at 127.0.0.1:7001 acknowledges writes with 1 of 2 copies'] })
})

test('a node that drains says so before anything else, and lets go of its connections', async (t) => {
  const visitor = client((await shopServer(t, { isDraining: () => true })).url)
  const ready = await visitor.send('GET', '/readyz')
  t.is(ready.status, 503)
  t.deepEqual(ready.body, { ready: false, reason: 'draining' })
  t.is(ready.headers.get('Connection'), 'close')
  t.is((await visitor.login('user-0')).status, 200)
})

test('the store is asked once for all that ask at the same time, and again when the answer is old', async (t) => {
  let asked = 0
  let healthy = true
  let nowMs = 0
  const health = storeHealth(
    {
      health: async () => {
        asked += 1
        if (!healthy) throw new StoreUnavailableError('memory')
      },
    },
    () => nowMs,
  )
  t.deepEqual(await Promise.all([health(), health(), health()]), [undefined, undefined, undefined])
  t.is(asked, 1)
  healthy = false
  nowMs = 249
  t.is(await health(), undefined)
  t.is(asked, 1)
  nowMs = 250
  t.regex((await health()) ?? '', /not available/)
  t.is(asked, 2)
})

test('a store that hangs is not healthy, and is not asked again until it has answered', async (t) => {
  let asked = 0
  const answer = Promise.withResolvers<void>()
  const health = storeHealth({
    health: () => {
      asked += 1
      return answer.promise
    },
  })
  for (const amiss of await Promise.all([health(), health(), health()])) t.regex(amiss ?? '', /did not answer/)
  t.is(asked, 1)
  answer.resolve()
  await answer.promise
  t.is(await health(), undefined)
})
