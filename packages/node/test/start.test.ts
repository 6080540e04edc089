import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { json } from 'node:stream/consumers'
import test from 'ava'
import { client } from './support/client.ts'
import { nodeProcess } from './support/node-process.ts'
import { until } from './support/until.ts'

test('a node reports its URL, and serves', async (t) => {
  const node = nodeProcess(t, { NODE_NAME: 'b' })
  const url = await node.ready()
  await until('a message', () => node.messages.length > 0)
  t.deepEqual(node.messages, [{ type: 'ready', url }])
  const ready = await client(url).send('GET', '/readyz')
  t.is(ready.status, 200)
  t.is(ready.headers.get('X-Served-By'), 'b')
  // Longer than a balancer keeps an idle connection, which is 60 s at most.
  t.is(ready.headers.get('Keep-Alive'), 'timeout=75')
  t.truthy(node.logged.find(({ event, level }) => event === 'session-key-generated' && level === 40))
})

test('a node that keeps its sessions in cookies serves, without a floor', async (t) => {
  const url = await nodeProcess(t, {
    STORE: 'token:',
    SESSION_KEYS: 'a secret that is long enough for a token',
  }).ready()
  const visitor = client(url)
  t.is((await visitor.login('user-1')).status, 200)
  t.like((await visitor.send('GET', '/api/session')).body, { authenticated: true })
  t.deepEqual((await visitor.send('GET', '/api/floor')).body, { open: false })
})

test('a WebSocket is refused with the answer of a plain request where there is no floor', async (t) => {
  const url = await nodeProcess(t, {
    STORE: 'token:',
    SESSION_KEYS: 'a secret that is long enough for a token',
  }).ready()
  const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket' }
  const [answer] = (await once(get(`${url}/api/floor`, { agent: false, headers: upgrade }), 'response')) as [
    IncomingMessage,
  ]
  t.is(answer.statusCode, 200)
  t.deepEqual(await json(answer), { open: false })
})

test('a node does not wait for its passwords to be enrolled', async (t) => {
  const node = nodeProcess(t, { PASSWORD_COST: 'standard', ACCOUNTS: '2000' })
  const visitor = client(await node.ready())
  t.is((await visitor.login('user-1999')).status, 200)
})

test('a cookie of a session that only another node knows is left as it is', async (t) => {
  const keys = { SESSION_KEYS: 'the very same secret of both nodes' }
  const [first, second] = [nodeProcess(t, keys), nodeProcess(t, { ...keys, NODE_NAME: 'b' })]
  const visitor = client(await first.ready())
  await visitor.login('user-1')
  const elsewhere = await client(await second.ready(), visitor.cookie).send('GET', '/api/session')
  t.deepEqual(elsewhere.body, { authenticated: false, node: 'b' })
  t.deepEqual(elsewhere.setCookie, [])
  t.like((await visitor.send('GET', '/api/session')).body, { authenticated: true, node: 'a' })
})

for (const [what, env, line] of [
  [
    'a value that can not be used',
    { PORT: 'eighty' },
    /^PORT is "eighty"; it takes a whole number from 0 to 65535\.\n$/,
  ],
  ['a store of an unknown kind', { STORE: 'carrier-pigeon://loft' }, /^STORE: .*carrier-pigeon.*redis.*\n$/],
  ['a store module that is not there', { STORE: './no-such-store.ts' }, /^STORE: .*no-such-store\.ts.*\n$/],
] as const) {
  test(`${what} is one line, and exit 2`, async (t) => {
    const node = nodeProcess(t, env)
    t.deepEqual(await node.ended, { code: 2, signal: null })
    t.regex(node.stderr(), line)
    t.is(node.stderr().trimEnd().split('\n').length, 1)
  })
}

test('a port in use is one line that names it, and exit 98', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const node = nodeProcess(t, { PORT: String(port) })
  t.deepEqual(await node.ended, { code: 98, signal: null })
  t.is(node.stderr(), `Port ${port} on 127.0.0.1 is in use.\n`)
})

// By itself, as it measures a time: each node that starts takes most of a second of CPU.
test.serial('a store that is not there is waited for so long and no longer: one line, and exit 1', async (t) => {
  const startedAtMs = performance.now()
  const node = nodeProcess(t, { STORE: 'redis://user:hunter2@127.0.0.1:1', STORE_WAIT_MS: '500' })
  t.deepEqual(await node.ended, { code: 1, signal: null })
  const tookMs = performance.now() - startedAtMs
  t.true(tookMs >= 500 && tookMs < 100_000, `${tookMs} ms`)
  t.is(node.stderr(), 'The session store (redis at 127.0.0.1:1) did not answer within 500 ms.\n')
})
