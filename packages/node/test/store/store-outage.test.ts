import test from 'ava'
import { client, errorCode } from '../support/client.ts'
import { nodeProcess } from '../support/node-process.ts'
import { freePort, redisMissing, redisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const onRedis = redisMissing === undefined ? test : test.skip
if (redisMissing !== undefined) test.skip(`a store that goes away: ${redisMissing}`, () => {})

const KEYS = { SESSION_KEYS: 'the very same secret of both nodes' }

onRedis('a store that goes away: 503, not ready, the cookie stays; and all is well when it is back', async (t) => {
  const redis = await redisServer(t)
  const node = nodeProcess(t, { ...KEYS, STORE: redis.url })
  const visitor = client(await node.ready())
  await visitor.login('user-0')
  await visitor.send('POST', '/api/cart', { sku: 'box' })
  const cookie = visitor.cookie

  await redis.kill()
  await until('the node to say that it has no store', async () => {
    const { status, body } = await visitor.send('GET', '/readyz')
    return status === 503 && (body as { reason?: string }).reason === 'store'
  })
  t.is((await visitor.send('GET', '/healthz')).status, 200)
  for (const [method, path, payload] of [
    ['GET', '/api/session', undefined],
    ['GET', '/api/cart', undefined],
    ['POST', '/api/cart', { sku: 'yarn' }],
    ['POST', '/api/login', { name: 'user-0', password: 'password-0' }],
    ['POST', '/api/logout', undefined],
  ] as const) {
    const answer = await visitor.send(method, path, payload)
    t.is(answer.status, 503, path)
    t.is(errorCode(answer), 'STORE_UNAVAILABLE')
    t.truthy(answer.headers.get('Retry-After'))
    t.deepEqual(answer.setCookie, [], path)
  }

  await redis.start()
  await until('the node to be ready again', async () => (await visitor.send('GET', '/readyz')).status === 200)
  // This Redis keeps nothing on disk, so the session is lost with it; the node must not hold that against the visitor.
  t.is(visitor.cookie, cookie)
  t.like((await visitor.send('GET', '/api/session')).body, { authenticated: false })
  t.is((await visitor.login('user-0')).status, 200)
  t.like((await visitor.send('POST', '/api/cart', { sku: 'box' })).body, { items: [{ sku: 'box', quantity: 1 }] })
})

onRedis(
  'a Redis that is out of memory: a login is refused in words, the node is not ready, and users are read',
  async (t) => {
    const redis = await redisServer(t)
    const node = nodeProcess(t, { ...KEYS, STORE: redis.url })
    const visitor = client(await node.ready())
    await visitor.login('user-0')
    await redis.limitMemory(1)
    const refused = await client(await node.ready()).login('user-1')
    t.is(refused.status, 503)
    t.like(refused.body, { error: { message: 'The session store is full.' } })
    await until('the node to say so', async () => {
      const { status, body } = await visitor.send('GET', '/readyz')
      return status === 503 && /OOM/.test(JSON.stringify(body))
    })
    t.like((await visitor.send('GET', '/api/session')).body, { authenticated: true })
    await redis.limitMemory(0)
    await until('the node to be ready again', async () => (await visitor.send('GET', '/readyz')).status === 200)
    t.is((await client(await node.ready()).login('user-1')).status, 200)
  },
)

onRedis('a session outlives its node', async (t) => {
  const redis = await redisServer(t)
  const [first, second] = ['a', 'b'].map((name) => nodeProcess(t, { ...KEYS, NODE_NAME: name, STORE: redis.url }))
  if (first === undefined || second === undefined) throw new Error('two nodes were started')
  const visitor = client(await first.ready())
  await visitor.login('user-0')
  await visitor.send('POST', '/api/cart', { sku: 'box' })
  first.process.kill('SIGKILL')
  await first.ended
  const elsewhere = client(await second.ready(), visitor.cookie)
  t.like((await elsewhere.send('POST', '/api/cart', { sku: 'box' })).body, {
    user: 'user-0',
    items: [{ sku: 'box', quantity: 2 }],
    node: 'b',
    version: 3,
  })
})

onRedis('a store that comes late is waited for as long as it takes; readiness and the log say what for', async (t) => {
  const redis = await redisServer(t)
  await redis.kill()
  const port = await freePort()
  const node = nodeProcess(t, { ...KEYS, STORE: redis.url, PORT: String(port) })
  const visitor = client(`http://127.0.0.1:${port}`)
  await until('a word on what is awaited', () => node.logged.some(({ event }) => event === 'store-awaited'))
  const waiting = await visitor.send('GET', '/readyz')
  t.is(waiting.status, 503)
  t.like(waiting.body, { ready: false, reason: 'store' })
  t.regex((waiting.body as { detail: string[] }).detail.join(), /^redis at 127\.0\.0\.1:\d+/)
  t.is((await visitor.send('GET', '/healthz')).status, 200)
  const refused = await visitor.login('user-0')
  t.is(refused.status, 503)
  t.is(errorCode(refused), 'STORE_UNAVAILABLE')
  t.like(refused.body, { error: { message: 'The session store is not available.' } })
  t.deepEqual(node.messages, [])
  await redis.start()
  t.is((await client(await node.ready()).send('GET', '/readyz')).status, 200)
  t.is((await visitor.login('user-0')).status, 200)
})

test('a node without a majority of its mesh keeps trying, and says what it waits for', async (t) => {
  const ports = [await freePort(), await freePort(), await freePort()]
  const [http, atA, atB] = ports
  const STORE = `replicated:?openTimeoutMs=300&peers=a=127.0.0.1:${atA},b=127.0.0.1:${atB},c=127.0.0.1:1`
  const first = nodeProcess(t, { ...KEYS, STORE, NODE_NAME: 'a', PORT: String(http) })
  const visitor = client(`http://127.0.0.1:${http}`)
  await until('a word on what is awaited', () => first.logged.some(({ event }) => event === 'store-awaited'))
  const waiting = await until('the reason', async () => {
    const { status, body } = await visitor.send('GET', '/readyz')
    const { detail = [] } = body as { detail?: string[] }
    return status === 503 && /found a mesh of 3/.test(detail.join()) && detail
  })
  t.regex(waiting.join(), /b (at 127\.0\.0\.1:\d+ is not reached|was not met yet)/)
  const second = nodeProcess(t, { ...KEYS, STORE, NODE_NAME: 'b' })
  await Promise.all([first.ready(), second.ready()])
  const ready = await visitor.send('GET', '/readyz')
  t.is(ready.status, 200)
  t.regex((ready.body as { detail: string[] }).detail.join(), /^c at 127\.0\.0\.1:1 is not reached/)
})
