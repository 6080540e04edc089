/** A node closes an idle connection at the moment at which a request is sent on it: no request failed of that node. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { startNode } from '../fixtures/processes.ts'
import { rawServer } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const NO_PROBES = { PROBE_INTERVAL_MS: '60000', SUSPECT_MS: '60000' }

/** Answers the first request of each connection, and closes the connection under the second. */
function closing(t: ExecutionContext, how: 'resetAndDestroy' | 'end', partOfAnswer = '') {
  return rawServer(t, (socket, received) => {
    if (received.split('\r\n\r\n').length === 2) return void socket.write(ANSWER)
    if (partOfAnswer === '') return void socket[how]()
    socket.write(partOfAnswer, () => void setTimeout(() => socket.end(), 20))
  })
}

for (const how of ['resetAndDestroy', 'end'] as const) {
  test(`the only node closes an idle connection (${how}): the request is sent again on another one`, async (t) => {
    const { port, connections } = await closing(t, how)
    const { url, lines } = await balancing(t, { a: port }, NO_PROBES)
    for (const _ of [1, 2, 3]) t.is((await ask(url)).status, 200)
    t.is(connections.length, 3)
    t.false(lines.some(({ event }) => event === 'poison-request'))
  })
}

test('two nodes close an idle connection: that is no poison', async (t) => {
  const nodes = [await closing(t, 'end'), await closing(t, 'end')] as const
  const { url, lines } = await balancing(t, { a: nodes[0].port, b: nodes[1].port }, NO_PROBES)
  for (const _ of [1, 2, 3]) t.is((await ask(url)).status, 200)
  t.false(lines.some(({ event }) => event === 'poison-request'))
})

test('a request that may not be retried is not sent again', async (t) => {
  const { port, connections } = await closing(t, 'end')
  const { url } = await balancing(t, { a: port }, NO_PROBES)
  t.is((await ask(url)).status, 200)
  t.is((await ask(url, { method: 'POST' })).status, 502)
  t.is(connections.length, 1)
})

test('a node that closes every connection gets a request twice at most', async (t) => {
  const { port, connections } = await rawServer(t, (socket, received) => {
    if (received.startsWith('GET /poison') || received.includes('GET /poison')) socket.end()
    else socket.write(ANSWER)
  })
  const { url } = await balancing(t, { a: port }, { ...NO_PROBES, ATTEMPTS_MAX: '8' })
  t.is((await ask(url)).status, 200)
  t.is((await ask(`${url}/poison`)).status, 502)
  t.is(connections.length, 2)
})

test('a connection that ends within the header of an interim answer is not stale', async (t) => {
  const { port, connections } = await closing(t, 'end', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')
  const { url } = await balancing(t, { a: port }, NO_PROBES)
  t.is((await ask(url)).status, 200)
  t.is((await ask(url)).status, 502)
  t.is(connections.length, 1)
})

test('a node that dies under a request on a connection that served before dies once', async (t) => {
  const node = await startNode(t, 'a')
  const { url } = await balancing(t, { a: node.port }, { ATTEMPTS_MAX: '8', WAIT_MS: '20000' })
  t.is((await ask(url)).status, 200)
  let deaths = 0
  let restarts = 0
  let ends = false
  t.teardown(() => (ends = true))
  const restarted = (): void =>
    void node.exited().then(async () => {
      if (ends) return
      deaths += 1
      await node.restart()
      restarts += 1
      restarted()
    })
  restarted()
  t.is((await ask(`${url}/die`)).status, 502)
  await until(() => restarts > 0, { what: 'it to be started again' })
  t.is((await ask(url)).status, 200)
  t.is(deaths, 1)
})

test('a node that answers again in another incarnation died of the request, and does not get it again', async (t) => {
  let lives = 1
  const node = await httpServer(t, (request, response) => {
    if (request.url !== '/poison') return void response.end()
    lives += 1
    request.socket.destroy()
  })
  node.server.prependListener('request', (_request, response) => response.setHeader('X-Incarnation', `life-${lives}`))
  const { url } = await balancing(t, { a: node.port }, NO_PROBES)
  t.is((await ask(url)).status, 200)
  t.is((await ask(`${url}/poison`)).status, 502)
  t.is(node.requests.filter(({ url: path }) => path === '/poison').length, 1)
})

test('a node that answers its probes too late, and lives, gets the request again', async (t) => {
  let asked = 0
  const node = await httpServer(t, () => undefined)
  node.server.removeAllListeners('request').on('request', ({ url: path, socket }: IncomingMessage, response) => {
    if (path === '/readyz') setTimeout(() => (response as ServerResponse).end(), asked === 0 ? 0 : 300)
    else if (path === '/stale' && ++asked === 1) socket.destroy()
    else (response as ServerResponse).end()
  })
  const { url } = await balancing(t, { a: node.port }, { ...NO_PROBES, PROBE_TIMEOUT_MS: '50' })
  t.is((await ask(url)).status, 200)
  t.is((await ask(`${url}/stale`)).status, 200)
  t.is(asked, 2)
})

test('one request finds one stale connection at most', async (t) => {
  const node = await rawServer(t, (socket, received) => {
    if (received.split('\r\n\r\n').length > 2) return void socket.end()
    if (node.connections.length === 2) for (const each of node.connections) each.write(ANSWER)
  })
  // undici opens a new connection in the place of the one that ended, and would not meet the other one.
  const { url } = await balancing(t, { a: node.port }, { ...NO_PROBES, TRANSPORT: 'http-proxy' })
  const both = await Promise.all([ask(url), ask(url)])
  t.deepEqual(
    both.map(({ status }) => status),
    [200, 200],
  )
  t.is((await ask(url)).status, 502)
  t.is(node.connections.length, 2)
})
