/** Sockets on the sessions of express-session and @fastify/session, whose middleware finds the session's id in the request. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import type { SessionStore } from '../../src/contract.ts'
import { expressStore, fastifyStore, type FastifyStore } from '../../src/express/express.ts'
import { middlewareKey } from '../../src/express/middleware-session.ts'
import { SessionOptionsError } from '../../src/options.ts'
import type { SocketLayer } from '../../src/socket-access.ts'
import { sessionSockets, type SessionSocketsOptions } from '../../src/sockets/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { shop } from '../support/shop.ts'
import { refusedAt, socketAt } from '../support/socket-nodes.ts'

abstract class Store {
  createSession(_request: object, fields: object): object {
    return fields
  }
}

const LAYERS: Record<string, (store: SessionStore) => FastifyStore & SocketLayer> = {
  express: (store) => expressStore({ store, Store }) as unknown as FastifyStore & SocketLayer,
  fastify: (store) => fastifyStore({ store }),
}

const MINUTE_MS = 60_000
const sessionIdOf: SessionSocketsOptions['sessionIdOf'] = ({ headers }) => headers['x-session'] as string | undefined

async function serving(t: ExecutionContext, layer: SocketLayer, options: Partial<SessionSocketsOptions<Fields>>) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = sessionSockets<Fields>(layer, {
    server,
    path: '/live',
    onConnection: ({ session, send }) => ({
      add: async ({ id }) => send({ type: 'added', id, count: await session.update('add', increment) }),
    }),
    ...options,
  })
  t.teardown(() => {
    sockets.close()
    server.close()
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

interface Fields {
  count: number
}

function increment(draft: { count?: number | undefined }): number {
  return (draft.count = (draft.count ?? 0) + 1)
}

function verbsOf(layer: FastifyStore) {
  return {
    set: (id: string, session: object) => promisify<void>((done) => layer.set(id, session, done))(),
    get: promisify(layer.get.bind(layer)) as (id: string) => Promise<Fields | undefined>,
    destroy: promisify(layer.destroy.bind(layer)),
  }
}

for (const [name, layerOf] of Object.entries(LAYERS)) {
  test(`${name}: a socket changes the session, and is closed when that ends`, async (t) => {
    const layer = layerOf(memoryStore())
    const { set, get, destroy } = verbsOf(layer)
    await set('session-1', { cookie: {}, count: 4 })
    const node = await serving(t, layer, { sessionIdOf })
    t.is(await refusedAt(t, node, { cookie: undefined }), 401)
    t.is(await refusedAt(t, node, { cookie: undefined }, { 'x-session': 'none' }), 401)
    const socket = await socketAt(t, node, { cookie: undefined }, { 'x-session': 'session-1' })
    t.like(await socket.ask({ type: 'add', id: '1' }), { count: 5 })
    t.like(await socket.ask({ type: 'add', id: '1' }), { count: 5 })
    t.like(await get('session-1'), { count: 5 })
    await destroy('session-1')
    t.like(await socket.closed, { code: 4401 })
  })

  test(`${name}: a message moves the expiry by the cookie's maxAge, be it longer or shorter than the idle timeout`, async (t) => {
    const store = memoryStore()
    const layer = layerOf(store)
    const { set } = verbsOf(layer)
    const node = await serving(t, layer, { sessionIdOf })
    for (const [id, originalMaxAge] of [
      ['long', 600 * MINUTE_MS],
      ['short', 5 * MINUTE_MS],
    ] as const) {
      await set(id, { cookie: { originalMaxAge }, count: 4 })
      const socket = await socketAt(t, node, { cookie: undefined }, { 'x-session': id })
      t.like(await socket.ask({ type: 'add', id: '1' }), { count: 5 })
      const leftMs = ((await store.read(middlewareKey(id)))?.expiresAtMs ?? 0) - Date.now()
      t.true(leftMs > originalMaxAge - MINUTE_MS && leftMs <= originalMaxAge, `${id}: ${leftMs}`)
    }
  })

  test(`${name}: a maxAge that one request sets stays when a slower one changes another field`, async (t) => {
    const store = memoryStore()
    const { set, get } = verbsOf(layerOf(store))
    const cookie = { originalMaxAge: 600 * MINUTE_MS }
    await set('session-1', { cookie: {}, count: 4 })
    const slow = await get('session-1')
    await set('session-1', { ...(await get('session-1')), cookie })
    await set('session-1', Object.assign(slow ?? {}, { count: 5 }))
    t.like(await get('session-1'), { count: 5, cookie })
    const leftMs = ((await store.read(middlewareKey('session-1')))?.expiresAtMs ?? 0) - Date.now()
    t.true(leftMs > 599 * MINUTE_MS, String(leftMs))
  })
}

test('what can not have sockets is refused in words', async (t) => {
  const server = createServer()
  const options = { server, path: '/live', onConnection: () => ({}) }
  const refusal = (layer: unknown, more: object = {}) =>
    t.throws(() => sessionSockets(layer as SocketLayer, { ...options, ...more }), { instanceOf: SessionOptionsError })
      ?.message
  t.regex(refusal({}) ?? '', /takes what sessions\(\), expressStore\(\) or fastifyStore\(\) returned/)
  t.regex(refusal(fastifyStore({ store: memoryStore() })) ?? '', /needs the option sessionIdOf/)
  let layer: unknown
  await shop(t, {}, {}, (made) => (layer = made))
  t.regex(refusal(layer, { sessionIdOf: () => 'x' }) ?? '', /is for expressStore\(\) and fastifyStore\(\)/)
  t.regex(refusal(layer, { route: '/' }) ?? '', /no option 'route'/)
  await shop(
    t,
    {},
    { store: await openStore('token:?revocations=sqlite%3A%2Ftmp%2Fnever-opened.db') },
    (made) => (layer = made),
  )
  t.regex(refusal(layer) ?? '', /token: keeps a session in its cookie/)
})
