/** A store that an application names by its URL: it is opened, tried again, and closed without a word of the application. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { text } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import Koa from 'koa'
import { expressStore, fastifyStore } from '../../src/express/express.ts'
import { sessions } from '../../src/koa/koa.ts'
import { namedStore } from '../../src/stores/named-store.ts'
import { freePort, redisMissing, redisServer } from '../support/redis/server.ts'
import { client, KEY } from '../support/shop.ts'
import { until } from '../support/until.ts'
import { middlewareKey } from '../../src/express/middleware-session.ts'

const APPLICATION = fileURLToPath(new URL('../fixtures/by-url.ts', import.meta.url))
const onRedis = redisMissing === undefined ? test : test.skip
const PATIENT = 'timeoutMs=20000'

function started(t: ExecutionContext, url: string, environment: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, NODE_OPTIONS: '', ...environment }
  const child = fork(APPLICATION, [url], { env, silent: true })
  t.teardown(() => child.kill('SIGKILL'))
  const said = text(child.stderr as NodeJS.ReadableStream as AsyncIterable<Uint8Array>)
  const exited = once(child, 'exit') as Promise<[number]>
  return { child, said, exited, port: once(child, 'message').then(([port]) => Number(port)) }
}

onRedis(
  'the URL is the whole set-up: it is opened, and closed with the server, so that the process ends',
  async (t) => {
    const redis = await redisServer()
    t.teardown(() => redis.stop())
    const { child, port, exited, said } = started(t, `${redis.url}?${PATIENT}`)
    const browser = client(`http://127.0.0.1:${await port}`)
    t.is((await browser.get('/')).body, 1)
    t.is((await browser.get('/')).body, 2)
    child.send('stop')
    t.deepEqual((await exited)[0], 0)
    t.regex(await said, /NINELIVES_COOKIE_OVER_HTTP.*sessions\(\): the session's cookie may travel over http/)
  },
)

onRedis('a server that comes later is used when it is there, and until then requests fail', async (t) => {
  const port = await freePort()
  const app = started(t, `redis://127.0.0.1:${port}?openTimeoutMs=500&${PATIENT}`, { NODE_ENV: 'production' })
  const origin = `http://127.0.0.1:${await app.port}`
  const refused = await client(origin).get('/')
  t.is(refused.status, 503)
  t.true(refused.headers.has('retry-after'))
  const redis = await redisServer({ port })
  t.teardown(() => redis.stop())
  await until('the application to serve', async () => (await client(origin).get('/')).status === 200)
  t.regex((await client(origin).get('/')).setCookie[0] ?? '', /^__Host-sid=.*; secure/)
  app.child.send('stop')
  t.is((await app.exited)[0], 0)
  const said = await app.said
  t.regex(said, /NINELIVES_STORE_UNAVAILABLE.*the session store does not answer/)
  t.notRegex(said, /OVER_HTTP/)
})

test('a URL that can not be used ends the process at its start, with the reason', async (t) => {
  const { exited, said } = started(t, 'redis://127.0.0.1?timeOut=5')
  t.is((await exited)[0], 1)
  t.regex(await said, /StoreConfigError: .*timeOut/)
})

test('an application may stop listening and listen again; close() closes what the URL named, and nothing else', async (t) => {
  const app = new Koa()
  const layer = sessions(app, { store: 'memory:', keys: [KEY], secure: false })
  const key = middlewareKey('any')
  for (const _ of [1, 2]) {
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    await layer.health()
    t.is(await layer.store.read(key), undefined)
    server.close()
    await once(server, 'close')
    await t.throwsAsync(layer.health(), { code: 'STORE_UNAVAILABLE' })
  }
  const store = namedStore('test', 'memory:', undefined)
  t.teardown(() => store.close())
  const other = sessions(new Koa(), { store, keys: [KEY], secure: false })
  await other.close()
  await other.health()
})

test('a port that is taken does not keep the store open: it closes with the last server that listens', async (t) => {
  const app = new Koa()
  const layer = sessions(app, { store: 'memory:', keys: [KEY], secure: false })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const refused = app.listen(port, '127.0.0.1')
  t.like(await once(refused, 'error'), [{ code: 'EADDRINUSE' }])
  refused.close()
  await layer.health()
  server.close()
  await once(server, 'close')
  await t.throwsAsync(layer.health(), { code: 'STORE_UNAVAILABLE' })

  refused.listen(0, '127.0.0.1')
  await once(refused, 'listening')
  await layer.health()
  refused.close()
  await once(refused, 'close')
  await t.throwsAsync(layer.health(), { code: 'STORE_UNAVAILABLE' })
})

test('an application that could not listen at all has its store closed, so that the process can end', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const app = new Koa()
  const layer = sessions(app, { store: 'memory:', keys: [KEY], secure: false })
  await once(app.listen((other.address() as AddressInfo).port, '127.0.0.1'), 'error')
  await t.throwsAsync(layer.health(), { code: 'STORE_UNAVAILABLE' })
})

test('a store that is closed while it opens, and opened again meanwhile, is open', async (t) => {
  const store = namedStore('test', 'memory:', undefined)
  t.teardown(() => store.close())
  const first = store.open()
  const closing = store.close()
  const again = store.open()
  await Promise.all([t.throwsAsync(first, { code: 'STORE_UNAVAILABLE' }), closing, again])
  t.deepEqual(store.report?.().warnings, [])
  await store.health()
  await Promise.all([store.close(), store.open(), store.close()].map((each) => each.catch(() => undefined)))
  await t.throwsAsync(store.health(), { code: 'STORE_UNAVAILABLE' })
})

test('expressStore() and fastifyStore() take a URL too, and close what they opened', async (t) => {
  const made = [expressStore({ store: 'memory:', Store: Maker }), fastifyStore({ store: 'memory:' })]
  for (const store of made) {
    const end = promisify((id: string, done: (error: unknown) => void) => store.destroy(id, done))
    await end('id')
    await store.close()
    await t.throwsAsync(end('id'), { code: 'STORE_UNAVAILABLE' })
  }
  t.throws(() => fastifyStore({ store: 'token:' }), { message: /opened by the application/ })
})

class Maker {
  createSession(_request: never, fields: never): object {
    return fields
  }

  destroy(_id: string, _callback: (error: unknown) => void): void {
    throw new Error('expressStore() has its own')
  }
}
