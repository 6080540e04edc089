/** Nodes that answer 503: they say that they did not do what they were asked, and another may. */
import type { RequestListener } from 'node:http'
import test from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'

const declines: RequestListener = (_request, response) => {
  response.writeHead(503, { 'Retry-After': '7' }).end('its own words')
}
const serves: RequestListener = (request, response) => {
  request.on('data', () => {}).on('end', () => response.end('served'))
}
const KEYED = { method: 'POST', headers: { 'Idempotency-Key': 'a-key-of-its-own' }, body: 'hello' }

test('a declined request that may be retried goes to another node', async (t) => {
  const [declining, serving] = [await httpServer(t, declines), await httpServer(t, serves)]
  const { url } = await balancing(t, { a: declining.port, b: serving.port })
  for (const request of [{}, {}, { method: 'PUT', body: 'hello' }, { method: 'PUT', body: 'hello' }, KEYED, KEYED]) {
    const { status, body } = await ask(url, request)
    t.is(status, 200)
    t.is(String(body), 'served')
  }
  t.is(serving.requests.length, 6)
  t.true(declining.requests.length >= 2)
})

test("a declined request that may not be retried gets the node's own answer", async (t) => {
  const [declining, serving] = [await httpServer(t, declines), await httpServer(t, serves)]
  const { url } = await balancing(t, { a: declining.port, b: serving.port })
  const statuses = []
  for (let turn = 0; turn < 4; turn += 1) statuses.push((await ask(url, { method: 'POST', body: 'hello' })).status)
  t.deepEqual(
    statuses.toSorted((left, right) => left - right),
    [200, 200, 503, 503],
  )
  t.is(declining.requests.length + serving.requests.length, 4)
})

test("when all nodes decline, the client gets the last one's answer", async (t) => {
  const nodes = [await httpServer(t, declines), await httpServer(t, declines), await httpServer(t, declines)]
  const [a, b, c] = nodes.map(({ port }) => port) as [number, number, number]
  const { url } = await balancing(t, { a, b, c }, { SUSPECT_MS: '60000' })
  const { status, headers, body } = await ask(url)
  t.is(status, 503)
  t.is(headers['retry-after'], '7')
  t.is(String(body), 'its own words')
  t.is(nodes.flatMap(({ requests }) => requests).length, 3, 'each was asked once')
})

test('a single node is asked once', async (t) => {
  const node = await httpServer(t, declines)
  const { url } = await balancing(t, { a: node.port })
  t.is((await ask(url)).status, 503)
  t.is(node.requests.length, 1)
})

test('when the store is down for all nodes, retries stay within the budget', async (t) => {
  const nodes = [await httpServer(t, declines), await httpServer(t, declines)]
  const [a, b] = nodes.map(({ port }) => port) as [number, number]
  const { url } = await balancing(t, { a, b }, { RETRY_PERCENT: '0', RETRY_PER_S_MIN: '0' })
  for (let turn = 0; turn < 10; turn += 1) t.is((await ask(url)).status, 503)
  t.is(nodes.flatMap(({ requests }) => requests).length, 10)
})
