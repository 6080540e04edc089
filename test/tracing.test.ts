/** One trace from the client through the balancer and a node to the store, and logs of all that name the same request. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import { until } from '@ninelives/lab'
import { startBalancer } from '../packages/balancer/test/fixtures/processes.ts'
import { scratch } from '../packages/lab/test/fixtures/open-lab.ts'
import { nodeProcess } from '../packages/node/test/support/node-process.ts'
import type { WrittenSpan } from './support/spans.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CLIENTS_SPAN = 'b7ad6b7169203331'
const TRACEPARENT = `00-${TRACE}-${CLIENTS_SPAN}-01`

function spansIn(path: string): WrittenSpan[] {
  const lines = readFileSync(path, { encoding: 'utf8', flag: 'a+' }).split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as WrittenSpan)
}

test("a client's trace goes on through the balancer and the node to each call of the store", async (t) => {
  const directory = scratch(t)
  const [ofNode, ofBalancer] = [join(directory, 'node.ndjson'), join(directory, 'balancer.ndjson')]
  const NODE_OPTIONS = `--import ${new URL('support/spans.ts', import.meta.url).href}`
  const node = nodeProcess(t, { NODE_OPTIONS, SPANS: ofNode, TRUST_PROXY: 'true', LOG_LEVEL: 'debug' })
  const balancer = startBalancer(t, {
    NODE_OPTIONS,
    SPANS: ofBalancer,
    PORT: '0',
    UPSTREAMS: `a=${await node.ready()}`,
    LOG_FORMAT: 'json',
  })
  const { url } = await balancer.ready

  const login = await fetch(`${url}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent: TRACEPARENT },
    body: JSON.stringify({ name: 'user-0', password: 'password-0' }),
  })
  t.is(login.status, 200)
  const requestId = login.headers.get('x-request-id')
  const ended = (): boolean =>
    [ofNode, ofBalancer].every((path) => spansIn(path).filter(({ traceId }) => traceId === TRACE).length > 1)
  await until(ended, { deadlineMs: 60_000, what: 'the spans of the login' })

  const inBalancer = spansIn(ofBalancer).filter(({ traceId }) => traceId === TRACE)
  const request = inBalancer.find(({ parent }) => parent === CLIENTS_SPAN)
  const attempt = inBalancer.find(({ name }) => name === 'attempt')
  t.is(request?.name, 'POST')
  t.like(request?.attributes, { 'request.id': requestId, 'http.response.status_code': 200, 'url.path': '/api/login' })
  t.is(attempt?.parent, request?.id)
  t.like(attempt?.attributes, { 'server.address': 'a', 'ninelives.outcome': 'answered' })

  const inNode = spansIn(ofNode).filter(({ traceId }) => traceId === TRACE)
  const served = inNode.find(({ parent }) => parent === attempt?.id)
  t.like(served, { name: 'POST /api/login' })
  t.like(served?.attributes, { 'request.id': requestId, 'http.route': '/api/login', 'http.response.status_code': 200 })
  const calls = inNode.filter(({ parent }) => parent === served?.id)
  t.true(calls.some(({ name }) => name === 'session store write'))
  t.true(calls.every(({ attributes }) => attributes['ninelives.store'] === 'memory'))

  const cookie = login.headers.getSetCookie().map((each) => each.split(';', 1)[0])
  const { sessions } = (await (
    await fetch(`${url}/api/sessions`, { headers: { cookie: cookie.join('; ') } })
  ).json()) as { sessions: readonly { id: string }[] }
  t.is(served?.attributes['session.id'], sessions[0]?.id)

  const inLog = () => balancer.output.stdout.split('\n').find((line) => line.includes(`"requestId":"${requestId}"`))
  await until(() => inLog() !== undefined, { deadlineMs: 60_000, what: 'the line of the balancer' })
  t.like(JSON.parse(inLog() ?? '{}'), { requestId, traceId: TRACE, path: '/api/login' })
  const inNodesLog = node.logged.filter((line) => line['requestId'] === requestId)
  t.true(inNodesLog.some(({ traceId, route }) => traceId === TRACE && route === '/api/login'))
  t.true(inNodesLog.some(({ event }) => event === 'login-accepted'))
})

test('without a tracer the traceparent of a client passes as it is, and the balancer makes none', async (t) => {
  const upstream = createServer(({ headers }, response) => response.end(headers['traceparent'] ?? 'none'))
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  t.teardown(() => {
    upstream.close()
    upstream.closeAllConnections()
  })
  const { port } = upstream.address() as AddressInfo
  const { url } = await startBalancer(t, { PORT: '0', UPSTREAMS: `a=http://127.0.0.1:${port}` }).ready
  t.is(await (await fetch(url, { headers: { traceparent: TRACEPARENT } })).text(), TRACEPARENT)
  t.is(await (await fetch(url)).text(), 'none')
})
