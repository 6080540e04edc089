/** The store of the revocations is gone: killed, paused, and brought back. */
import test from 'ava'
import type { SessionStore } from '../../../src/contract.ts'
import { StoreUnavailableError } from '../../../src/errors.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import { type CarriedStore } from '../../../src/carrier.ts'
import { client, type Handler, shop } from '../../support/shop.ts'
import { sharedMemory, tokenNode } from '../../support/token-nodes.ts'
import { redisMissing, redisServer } from '../../support/redis/server.ts'
import type { SessionsOptions } from '../../../src/koa/koa.ts'
import type { ExecutionContext } from 'ava'

const routes: Record<string, Handler> = {
  '/login': (ctx) => {
    ctx.session = { user: 'ada' }
  },
  '/logout': (ctx) => {
    ctx.session = null
  },
  '/add': (ctx) => ctx.session?.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1)),
  '/look': ({ session }) => ({ user: session?.['user'], count: session?.['count'] }),
}

const overRedis = redisMissing === undefined ? test.serial : test.serial.skip
const guard = { callTimeoutMs: 500, pauseMinMs: 20, pauseMaxMs: 50 }

async function node(t: ExecutionContext, redisUrl: string, settings = '', options: Partial<SessionsOptions> = {}) {
  const revocations = encodeURIComponent(`${redisUrl}?timeoutMs=300`)
  const store = await openStore(`token:?revocations=${revocations}${settings}`)
  await store.open()
  t.teardown(() => store.close())
  return { store, origin: await shop(t, routes, { store, guard, ...options }) }
}

overRedis(
  'while revocations can not be read a session is refused with 503, its cookie left alone, and back after',
  async (t) => {
    const server = await redisServer()
    t.teardown(() => server.stop())
    const { origin, store } = await node(t, server.url)
    const [user, visitor] = [client(origin), client(origin)]
    await user.get('/login')
    const { cookie } = user
    server.process.kill('SIGSTOP')
    for (const path of ['/look', '/add', '/logout']) {
      const answer = await user.get(path)
      t.is(answer.status, 503, path)
      t.is(answer.headers.get('retry-after'), '1')
      t.deepEqual(answer.setCookie, [])
    }
    await t.throwsAsync(store.health(), { code: 'STORE_UNAVAILABLE' })
    t.is((await visitor.get('/look')).status, 200, 'a request without a cookie needs no store')
    server.process.kill('SIGCONT')
    t.is(user.cookie, cookie)
    for (let tries = 0; tries < 200 && (await user.get('/look')).status !== 200; tries++);
    t.deepEqual((await user.get('/look')).body, { user: 'ada' })
  },
)

overRedis(
  'with revocationsOutage=accept sessions are read and changed meanwhile, and none begins or ends',
  async (t) => {
    const server = await redisServer()
    const { origin, store } = await node(t, server.url, '&revocationsOutage=accept')
    const user = client(origin)
    await user.get('/login')
    await server.stop()
    await store.health()
    t.deepEqual((await user.get('/look')).body, { user: 'ada' })
    t.is((await user.get('/add')).body, 1)
    t.is((await user.get('/add')).body, 2)
    t.is((await user.get('/logout')).status, 503)
    t.is((await client(origin).get('/login')).status, 503)
    t.deepEqual((await user.get('/look')).body, { user: 'ada', count: 2 })
    t.like(store.capabilities.fences, {
      excused: 'with revocationsOutage=accept an ended session is accepted while its revocation can not be read',
    })
  },
)

overRedis('a store of the revocations that comes back empty logs out no user', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const { origin } = await node(t, server.url)
  const user = client(origin)
  await user.get('/login')
  await user.get('/add')
  await server.ask('FLUSHALL')
  t.is((await user.get('/add')).body, 2)
  await user.get('/logout')
  t.deepEqual((await user.get('/look')).body, {})
})

overRedis('with the policy read-only a session is looked at from what this node saw last', async (t) => {
  const server = await redisServer()
  const { origin } = await node(t, server.url, '', { outage: 'read-only' })
  const user = client(origin)
  await user.get('/login')
  await user.get('/look')
  await server.stop()
  t.deepEqual((await user.get('/look')).body, { user: 'ada' })
  t.is((await user.get('/add')).status, 503)
})

test('a change that was made before the outage is in the answer, although nothing more can be asked', async (t) => {
  const shared = sharedMemory()
  let isOut = false
  const read: SessionStore['read'] = async (key) => {
    if (isOut) throw new StoreUnavailableError('shared')
    return await shared.read(key)
  }
  const node = await tokenNode(
    t,
    {
      ...routes,
      '/add': async (ctx) => {
        const count = await routes['/add']?.(ctx)
        isOut = true
        return count
      },
    },
    { rules: { revocations: { ...shared, read } } },
  )
  const user = client(node.origin)
  await user.get('/login')
  t.is((await user.get('/add')).body, 1)
  isOut = false
  t.deepEqual((await user.get('/look')).body, { user: 'ada', count: 1 })
})

test('without a store to share, the capabilities say what only this node knows', async (t) => {
  const store = (await openStore('token:')) as CarriedStore
  t.like(store.capabilities.shared, {
    excused: `a logout is known only to the node that served it: each node keeps its sessions in its own memory, so another node does not have them`,
  })
  t.is(store.capabilities.survivesNodeDeath, 'held')
  t.is(memoryStore().capabilities.comparesAndSets, undefined)
})
