/** Real processes that die where they are told to, and what is left of the request by then. */
import test, { type ExecutionContext } from 'ava'
import { client, type Client } from '../support/client.ts'
import { nodeProcess, type NodeProcess } from '../support/node-process.ts'
import { redisMissing, redisServer, type RedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const KEYS = 'a key of thirty-two characters: 1'

interface Order {
  readonly point: string
  readonly request?: number
  readonly operation?: string
}

async function arm(node: NodeProcess, { point, request = 1, ...rest }: Order): Promise<void> {
  node.process.send({ type: 'crash-at', id: 'f1', point, request, ...rest })
  await answered(node, 'crash-armed')
}

function answered(node: NodeProcess, type: string): Promise<unknown> {
  return until(`the node to say ${type}`, () =>
    node.messages.some((message) => (message as { type: string; id: string }).type === type),
  )
}

/** The status, or what the connection ended with. */
async function statusOf(sent: ReturnType<Client['send']>): Promise<number | 'none'> {
  return await sent.then(
    ({ status }) => status,
    () => 'none' as const,
  )
}

const add = (who: Client, sku: string): Promise<number | 'none'> => statusOf(who.send('POST', '/api/cart', { sku }))

async function skus(who: Client): Promise<string[]> {
  const { items } = (await who.send('GET', '/api/cart')).body as { items: { sku: string }[] }
  return items.map(({ sku }) => sku)
}

async function died(t: ExecutionContext, node: NodeProcess, point: string, operation: string): Promise<void> {
  t.deepEqual(await node.ended, { code: null, signal: 'SIGKILL' })
  // The logger writes in the background, so an earlier line may follow it.
  const crash = node.logged.find(({ event }) => event === 'crash-point')
  t.like(crash, { fault: 'f1', point, operation })
}

const onRedis = redisMissing === undefined ? test : test.skip
if (redisMissing !== undefined) test.skip(`crash points: ${redisMissing}`, () => {})

const node = (t: ExecutionContext, redis: RedisServer): NodeProcess =>
  nodeProcess(t, { STORE: redis.url, SESSION_KEYS: KEYS, LOG_LEVEL: 'error' })

const crashes = test.macro(
  async (t, point: string, { answers, applied }: { answers: number | 'none'; applied: boolean }) => {
    const redis = await redisServer(t)
    const first = nodeProcess(t, { STORE: redis.url, SESSION_KEYS: KEYS })
    const who = client(await first.ready())
    await who.login('user-0')
    await who.send('POST', '/api/cart', { sku: 'before' })
    await arm(first, { point, operation: 'POST /api/cart' })
    t.deepEqual(await skus(who), ['before'], 'another operation passes')
    t.is(await add(who, 'in-flight'), answers)
    await died(t, first, point, 'POST /api/cart')

    const second = nodeProcess(t, { STORE: redis.url, SESSION_KEYS: KEYS })
    t.deepEqual(await skus(client(await second.ready(), who.cookie)), applied ? ['before', 'in-flight'] : ['before'])
  },
)

onRedis('before the read nothing was done', crashes, 'before-read', { answers: 'none', applied: false })
onRedis('before the commit nothing was done', crashes, 'before-commit', { answers: 'none', applied: false })
onRedis('after the commit it was done and not said', crashes, 'after-commit', { answers: 'none', applied: true })
onRedis('after the response it was done and said', crashes, 'after-response', { answers: 200, applied: true })

test('the request is counted, and a request that passes twice counts once', async (t) => {
  const single = nodeProcess(t, {})
  const who = client(await single.ready())
  await who.login('user-0')
  await arm(single, { point: 'after-commit', request: 3 })
  t.is(await add(who, 'one'), 200)
  t.deepEqual(await skus(who), ['one'], 'a read commits nothing')
  t.is(await add(who, 'two'), 200)
  t.is(await add(who, 'three'), 'none')
  await died(t, single, 'after-commit', 'POST /api/cart')
})

test("probes and metrics don't count as requests", async (t) => {
  const single = nodeProcess(t, {})
  const url = await single.ready()
  await arm(single, { point: 'after-response' })
  for (const path of ['/readyz', '/healthz', '/metrics', '/']) t.is((await client(url).send('GET', path)).status, 200)
  t.is(await statusOf(client(url).send('GET', '/api/session')), 200)
  await died(t, single, 'after-response', 'GET /api/session')
})

test('a cancelled order is not carried out', async (t) => {
  const single = nodeProcess(t, {})
  const who = client(await single.ready())
  await who.login('user-0')
  await arm(single, { point: 'before-read' })
  single.process.send({ type: 'crash-cancel', id: 'f1' })
  await answered(single, 'crash-cancelled')
  t.is(await add(who, 'one'), 200)
  t.deepEqual(await skus(who), ['one'])
})

onRedis('it tells why it died at every level of its log', async (t) => {
  const quiet = node(t, await redisServer(t))
  const url = (await until('the node to be ready', () => quiet.messages[0])) as { url: string }
  await arm(quiet, { point: 'after-response' })
  t.is((await client(url.url).login('user-0')).status, 200)
  await died(t, quiet, 'after-response', 'POST /api/login')
})

test('an order beyond the most that may stand is not said to be in force', async (t) => {
  const single = nodeProcess(t, {})
  await single.ready()
  for (let n = 1; n <= 17; n++) {
    single.process.send({ type: 'crash-at', id: `f${n}`, point: 'before-read', request: 1 })
  }
  single.process.send({ type: 'crash-cancel', id: 'f1' })
  await answered(single, 'crash-cancelled')
  const armed = single.messages.filter((message) => (message as { type: string }).type === 'crash-armed')
  t.is(armed.length, 16)
})

test('a malformed order is ignored', async (t) => {
  const single = nodeProcess(t, {})
  const who = client(await single.ready())
  for (const message of [null, 'crash', { type: 'crash-at', id: 'f1', point: 'now', request: 1 }]) {
    single.process.send(message as object)
  }
  await arm(single, { point: 'before-read', request: 1000 })
  t.is((await who.login('user-0')).status, 200)
  t.is(single.messages.length, 2)
})

onRedis(
  'a login whose node died after its commit is sent again to another: the same login, if the password is right',
  async (t) => {
    const redis = await redisServer(t)
    const settings = { STORE: redis.url, SESSION_KEYS: KEYS, SESSION_PADDING_BYTES: '100' }
    const [first, second] = [nodeProcess(t, settings), nodeProcess(t, settings)]
    const [url, otherUrl] = await Promise.all([first.ready(), second.ready()])
    const visitor = client(url)
    await visitor.send('POST', '/api/counter')
    const cookie = visitor.cookie
    await arm(first, { point: 'after-commit', operation: 'POST /api/login' })
    const credentials = { name: 'user-0', password: 'password-0' }
    // As the balancer sends it: a key of its own, and the id from before the login.
    const key = { 'Idempotency-Key': 'balancer-120s-login' }
    t.is(await statusOf(visitor.send('POST', '/api/login', credentials, key)), 'none')
    await died(t, first, 'after-commit', 'POST /api/login')

    const thief = client(otherUrl, cookie)
    const guess = await thief.send('POST', '/api/login', { ...credentials, password: 'guessed' }, key)
    t.is(guess.status, 401)
    t.like((await thief.send('GET', '/api/session')).body, { authenticated: false })
    const again = client(otherUrl, cookie)
    t.is((await again.send('POST', '/api/login', credentials, key)).status, 200)
    t.like((await again.send('GET', '/api/session')).body, { authenticated: true, user: 'user-0' })
    t.like((await again.send('POST', '/api/counter')).body, { count: 2 })
  },
)
