import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { client } from './support/client.ts'
import { nodeProcess } from './support/node-process.ts'
import { until } from './support/until.ts'

const saysItDrains = (url: string) =>
  until('the node to say that it drains', async () => {
    const { status, body } = await client(url).send('GET', '/readyz')
    return status === 503 && (body as { reason?: string }).reason === 'draining'
  })

const takesNobodyNew = (url: string) =>
  until('the node to take no connection', () =>
    fetch(url).then(
      () => false,
      () => true,
    ),
  )

test('SIGTERM: reports draining at once, serves on for a while, lets a request in flight end, exits with 0', async (t) => {
  const node = nodeProcess(t, { DRAIN_NOTICE_MS: '6000', DRAIN_MS: '60000' })
  const url = await node.ready()
  const payload = JSON.stringify({ name: 'user-0', password: 'password-0' })
  const slow = request(`${url}/api/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Content-Length': payload.length },
  })
  const answered = once(slow, 'response')
  answered.catch(() => 'told where it is awaited')
  slow.write(payload.slice(0, 5))
  await once(slow, 'socket')

  node.process.kill('SIGTERM')
  await saysItDrains(url)
  const late = await client(url).login('user-1')
  t.is(late.status, 200)
  t.is(late.headers.get('Connection'), 'close')

  await takesNobodyNew(url)
  t.is(node.process.exitCode, null)
  slow.end(payload.slice(5))
  const [answer] = await answered
  t.is(answer.statusCode, 200)
  t.is(answer.headers.connection, 'close')
  t.regex(await text(answer), /"user":"user-0"/)

  t.deepEqual(await node.ended, { code: 0, signal: null })
  t.is(node.stderr(), '')
  const events = node.logged.map(({ event }) => String(event)).filter((event) => event.startsWith('drain'))
  t.deepEqual(events, ['draining', 'drained'])
})

test('an idle connection does not delay the end', async (t) => {
  const node = nodeProcess(t, { DRAIN_NOTICE_MS: '0', DRAIN_MS: '60000' })
  // fetch keeps its connection for the next request.
  t.is((await client(await node.ready()).send('GET', '/healthz')).status, 200)
  const startedAtMs = performance.now()
  node.process.kill('SIGTERM')
  t.deepEqual(await node.ended, { code: 0, signal: null })
  t.true(performance.now() - startedAtMs < 30_000)
})

test('a request that never ends is cut off when the bound on draining has passed', async (t) => {
  const node = nodeProcess(t, { DRAIN_NOTICE_MS: '0', DRAIN_MS: '300' })
  const url = await node.ready()
  const endless = request(`${url}/api/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' } })
  endless.write('{')
  const cut = once(endless, 'error')
  // Its bytes are with the node once the same process answers another request.
  await client(url).send('GET', '/healthz')
  node.process.kill('SIGTERM')
  t.deepEqual(await node.ended, { code: 0, signal: null })
  await cut
  t.truthy(node.logged.find(({ event }) => event === 'drain-cut'))
})

test('a second signal ends it at once', async (t) => {
  const node = nodeProcess(t, { DRAIN_NOTICE_MS: '60000' })
  const url = await node.ready()
  node.process.kill('SIGTERM')
  await saysItDrains(url)
  node.process.kill('SIGTERM')
  t.deepEqual(await node.ended, { code: 1, signal: null })
})

test('Ctrl-C drains a node without a lab', async (t) => {
  const node = nodeProcess(t, { DRAIN_NOTICE_MS: '0' }, { ipc: false })
  await node.ready()
  node.process.kill('SIGINT')
  t.deepEqual(await node.ended, { code: 0, signal: null })
})

test('under a lab a node ignores Ctrl-C', async (t) => {
  const node = nodeProcess(t, {})
  const url = await node.ready()
  node.process.kill('SIGINT')
  node.process.kill('SIGINT')
  t.is((await client(url).send('GET', '/readyz')).status, 200)
})

test('a node does not outlive its lab', async (t) => {
  const node = nodeProcess(t, { DRAIN_NOTICE_MS: '60000' })
  await node.ready()
  node.process.disconnect()
  const { signal } = await node.ended
  t.is(signal, null)
})

test('a node that still waits for its store ends at once', async (t) => {
  const node = nodeProcess(t, { STORE: 'redis://127.0.0.1:1', STORE_WAIT_MS: '60000' })
  await until('the node to wait', () => node.logged.some(({ event }) => event === 'store-awaited'))
  node.process.kill('SIGTERM')
  t.deepEqual(await node.ended, { code: 0, signal: null })
})
