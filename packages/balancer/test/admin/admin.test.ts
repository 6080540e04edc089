import { Agent } from 'node:http'
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import type { Answer } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import type { HttpServer } from '../fixtures/nodes/http-server.ts'
import { freePort, startNode } from '../fixtures/processes.ts'
import { QUICK } from '../fixtures/patient.ts'
import { rawClient, rawServer } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

const TOKEN = 't'.repeat(16)
const WITH_TOKEN = { ADMIN_TOKEN: TOKEN, SLOW_START_MS: '0' }

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- says what the answer is expected to be
function parsed<Body>({ body }: Answer): Body {
  return JSON.parse(body.toString()) as Body
}

function send(url: string, method: string, body?: object): Promise<Answer> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-length': Buffer.byteLength(text) }
  return ask(url, { method, headers, body: text })
}

async function states(adminUrl: string): Promise<Record<string, string>> {
  const { upstreams } = parsed<{ upstreams: { name: string; state: string }[] }>(
    await send(`${adminUrl}/upstreams`, 'GET'),
  )
  return Object.fromEntries(upstreams.map(({ name, state }) => [name, state]))
}

test('the upstreams and how they stand', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end())
  const gone = await freePort()
  const { adminUrl } = await balancing(t, { a: upstream.port, b: gone })
  const answer = await ask(`${adminUrl}/upstreams`)
  t.is(answer.status, 200)
  const idle = { inFlight: 0, tunnels: 0, weight: 1, source: 'config' }
  t.deepEqual(parsed(answer), {
    upstreams: [
      { name: 'a', url: `http://127.0.0.1:${upstream.port}`, state: 'up', ...idle },
      { name: 'b', url: `http://127.0.0.1:${gone}`, state: 'down', ...idle },
    ],
  })
})

/** On a busy machine a node of this very process may answer its probes late. */
const PATIENT = { SUSPECT_MS: '60000', PROBE_TIMEOUT_MS: '60000' }

test('metrics count requests, attempts, what followed, ejections, latencies and waits', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end())
  const breaking = await rawServer(t, (socket) => void socket.destroy())
  const ports = { a: upstream.port, b: breaking.port, c: await freePort() }
  const { url, adminUrl } = await balancing(t, ports, { ATTEMPTS_MAX: '1', ...PATIENT })
  await ask(url)
  await ask(url, { method: 'POST' })
  const { headers, body } = await ask(`${adminUrl}/metrics?x=1`)
  t.regex(String(headers['content-type']), /^text\/plain; version=/)
  const text = body.toString()
  for (const line of [
    'requests_total{code="200"} 1',
    'attempts_total{upstream="a",outcome="answered"} 1',
    'ejections_total{upstream="c"} 1',
    'routed_total{why="turn"} 2',
    'upstream_up{upstream="a"} 1',
    'upstream_up{upstream="c"} 0',
    'upstream_in_flight{upstream="a"} 0',
    'upstream_tunnels{upstream="a"} 0',
    'upstream_response_seconds_count{upstream="a"} 1',
    'upstream_response_seconds_bucket{upstream="a",le="+Inf"} 1',
    'queue_length 0',
  ]) {
    t.true(text.includes(`ninelives_balancer_${line}\n`), line)
  }
  t.regex(text, /process_cpu_user_seconds_total/)
})

test('a node that answers its probes late is counted as suspected, until it is not', async (t) => {
  let isLate = false
  const late = await httpServer(t, () => undefined)
  late.server.removeAllListeners('request').on('request', (_request, response: ServerResponse) => {
    if (!isLate) response.end()
  })
  const { adminUrl } = await balancing(
    t,
    { a: late.port },
    { SUSPECT_MS: '50', PROBE_TIMEOUT_MS: '60000', PROBE_INTERVAL_MS: '50' },
  )
  const suspicions = async (): Promise<string | undefined> =>
    /suspicions_total\{upstream="a"\} \d+/.exec((await ask(`${adminUrl}/metrics`)).body.toString())?.[0]
  await until(async () => (await states(adminUrl))['a'] === 'up', { what: 'the node to be in use' })
  isLate = true
  await until(async () => (await suspicions()) !== undefined, { what: 'the node to be suspected' })
  t.true(Number((await suspicions())?.split(' ')[1]) >= 1)
  t.deepEqual(await states(adminUrl), { a: 'up' })
})

test('health and readiness are served, and any other address is 404', async (t) => {
  const { url, adminUrl } = await balancing(t, { a: await freePort() }, WITH_TOKEN)
  t.is((await ask(`${adminUrl}/healthz`)).status, 200)
  t.deepEqual(parsed(await ask(`${adminUrl}/readyz`)), { ready: true })
  t.is((await send(`${adminUrl}/`, 'GET')).status, 404)
  t.is((await send(`${adminUrl}//`, 'GET')).status, 404)
  t.is((await send(`${adminUrl}/upstreams/nobody/drain`, 'POST')).status, 404)
  const answer = await send(`${adminUrl}/metrics`, 'POST')
  t.is(answer.status, 405)
  t.is(answer.headers.allow, 'GET, HEAD')
  t.like(parsed(answer), { error: { code: 'METHOD_NOT_ALLOWED' } })
  // The public port belongs to the nodes, and there is none.
  t.is((await ask(`${url}/healthz`)).status, 503)
})

test('with a token all but health needs it', async (t) => {
  const { adminUrl } = await balancing(t, { a: await freePort() }, WITH_TOKEN)
  t.is((await ask(`${adminUrl}/healthz`)).status, 200)
  for (const authorization of ['', TOKEN, `Bearer ${TOKEN}x`, `Basic ${TOKEN}`]) {
    for (const method of ['GET', 'POST']) {
      const answer = await ask(`${adminUrl}/upstreams`, { method, headers: { authorization } })
      t.is(answer.status, 401)
      t.is(answer.headers['www-authenticate'], 'Bearer')
    }
  }
  t.is((await send(`${adminUrl}/upstreams`, 'GET')).status, 200)
})

test('without a token, clients that ask for this machine by its name may read, and no client may change anything', async (t) => {
  const { adminUrl } = await balancing(t, { a: await freePort() })
  const { port } = new URL(adminUrl)
  for (const host of ['evil.example', `127.0.0.1.evil.example:${port}`]) {
    t.is((await ask(`${adminUrl}/upstreams`, { headers: { host } })).status, 403, host)
  }
  t.is((await ask(`${adminUrl}/upstreams`, { headers: { host: `localhost:${port}` } })).status, 200)
  for (const path of ['/upstreams', '/reload', '/upstreams/a/drain']) {
    t.like(parsed(await ask(`${adminUrl}${path}`, { method: 'POST' })), { error: { code: 'FORBIDDEN' } })
  }
})

test('an upstream is added, weighed, drained, resumed and removed, and no request notices', async (t) => {
  const [a, b] = await Promise.all(
    ['a', 'b'].map((name) => httpServer(t, (_request, response) => setTimeout(() => response.end(name), 5))),
  )
  if (!a || !b) return t.fail()
  const { url, adminUrl, lines } = await balancing(t, { a: a.port }, { ...WITH_TOKEN, ...PATIENT })
  const statuses = new Set<number>()
  const loading = new AbortController()
  const load = (async () => {
    while (!loading.signal.aborted) statuses.add((await ask(url)).status)
  })()

  const added = await send(`${adminUrl}/upstreams`, 'POST', { upstream: `b=http://127.0.0.1:${b.port};weight=2` })
  t.is(added.status, 201)
  t.deepEqual(await states(adminUrl), { a: 'up', b: 'up' })
  await until(() => b.requests.length >= 2, { what: 'b to get requests' })
  t.is((await send(`${adminUrl}/upstreams/b`, 'PATCH', { weight: 7 })).status, 200)
  t.regex((await send(`${adminUrl}/upstreams`, 'GET')).body.toString(), /"name":"b",.*"weight":7,.*"source":"admin"/)

  t.is((await send(`${adminUrl}/upstreams/a/drain`, 'POST')).status, 202)
  t.deepEqual(await states(adminUrl), { a: 'draining', b: 'up' })
  const [seenA, seenB] = [a.requests.length, b.requests.length]
  await until(() => b.requests.length > seenB + 10, { what: 'b to get all requests' })
  t.true(a.requests.length <= seenA + 1)
  t.is((await send(`${adminUrl}/upstreams/a/resume`, 'POST')).status, 200)
  await until(() => a.requests.length > seenA + 3, { what: 'a to be back' })

  t.is((await send(`${adminUrl}/upstreams/b`, 'DELETE')).status, 202)
  await until(async () => !('b' in (await states(adminUrl))), { what: 'b to be gone' })
  loading.abort()
  await load
  t.deepEqual([...statuses], [200])
  t.true(lines.some(({ event, upstream }) => event === 'upstream-removed' && upstream === 'b'))
  const metrics = (await send(`${adminUrl}/metrics`, 'GET')).body.toString()
  t.false(metrics.includes('upstream="b"'))
})

test('a request that waits because no node is up goes to an added one at once', async (t) => {
  const b = await httpServer(t, (_request, response) => response.end('b'))
  const { url, adminUrl } = await balancing(t, { a: await freePort() }, { ...WITH_TOKEN, WAIT_MS: '60000' })
  const answer = ask(url, { method: 'POST', body: 'waits' })
  const waiting = async () => /queue_length 1/.test((await send(`${adminUrl}/metrics`, 'GET')).body.toString())
  await until(waiting, { what: 'the request to wait' })
  await send(`${adminUrl}/upstreams`, 'POST', { upstream: `b=http://127.0.0.1:${b.port}` })
  t.is((await answer).body.toString(), 'b')
  await send(`${adminUrl}/upstreams/b/drain`, 'POST')
  t.deepEqual(await states(adminUrl), { a: 'down', b: 'draining' })
})

test('an added upstream gets no request before it is ready', async (t) => {
  const [a, b] = await Promise.all(['a', 'b'].map((name) => httpServer(t, (_request, response) => response.end(name))))
  if (!a || !b) return t.fail()
  let status = 500
  b.server.prependListener('request', (request, response) => {
    if (request.url === '/readyz') response.writeHead(status).end()
  })
  const { url, adminUrl } = await balancing(t, { a: a.port }, { ...WITH_TOKEN, PROBE_FALL: '100' })
  await send(`${adminUrl}/upstreams`, 'POST', { upstream: `b=http://127.0.0.1:${b.port}` })
  t.deepEqual(await states(adminUrl), { a: 'up', b: 'down' })
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask(url)))
  t.deepEqual(new Set(answers.map(({ body }) => body.toString())), new Set(['a']))
  status = 200
  await until(async () => (await states(adminUrl))['b'] === 'up', { what: 'b to be up' })
})

test('a drain ends: requests that are still in flight at its deadline are cut', async (t) => {
  const silent = await httpServer(t, () => 'never answers')
  const { url, adminUrl } = await balancing(t, { a: silent.port }, WITH_TOKEN)
  const answer = ask(url, { method: 'POST' })
  await until(() => silent.requests.length === 1, { what: 'the request to arrive' })
  t.is((await send(`${adminUrl}/upstreams/a`, 'DELETE', { withinMs: 100 })).status, 202)
  t.is((await answer).status, 502)
  t.deepEqual(await states(adminUrl), {})
})

test('of an upstream that is gone nothing is counted, also when its last requests end', async (t) => {
  const silent = await httpServer(t, () => 'never answers')
  const { url, adminUrl } = await balancing(t, { a: silent.port }, WITH_TOKEN)
  const answer = ask(url, { method: 'POST' })
  await until(() => silent.requests.length === 1, { what: 'the request to arrive' })
  await send(`${adminUrl}/upstreams/a`, 'DELETE', { withinMs: 1 })
  t.is((await answer).status, 502)
  t.notRegex((await send(`${adminUrl}/metrics`, 'GET')).body.toString(), /upstream="a"/)
})

for (const transport of ['http-proxy', 'undici']) {
  test(`a removal's deadline also cuts requests that began before the upstream was ejected, over ${transport}`, async (t) => {
    const node = await startNode(t, 'a')
    const { url, adminUrl } = await balancing(t, { a: node.port }, { ...WITH_TOKEN, ...QUICK, TRANSPORT: transport })
    const answer = ask(`${url}/slow?ms=600000`, { method: 'POST' })
    await until(async () => (await ask(`${node.url}/seen`)).body.includes('POST'), { what: 'the request to arrive' })
    node.signal('SIGSTOP')
    await until(async () => (await states(adminUrl))['a'] === 'down', { what: 'the ejection' })
    t.is((await send(`${adminUrl}/upstreams/a`, 'DELETE', { withinMs: 1 })).status, 202)
    t.is((await answer).status, 502)
  })
}

const LEAVING = [
  ['a drain', 'POST', '/upstreams/a/drain'],
  ['a removal', 'DELETE', '/upstreams/a'],
] as const

/** Resolves when so many requests are in flight at an upstream with one connection, which has got one of them. */
async function filled(adminUrl: string, { requests }: HttpServer, inFlight: number): Promise<void> {
  const isFull = async () =>
    requests.length === 1 && (await send(`${adminUrl}/upstreams`, 'GET')).body.includes(`"inFlight":${inFlight}`)
  await until(isFull, { what: `one request to be sent, and ${inFlight - 1} to wait for a connection` })
}

function outcomes(answers: readonly Answer[]): string[] {
  return answers.map(({ status, body }) => (status === 200 ? body.toString() : String(status))).sort()
}

for (const transport of ['http-proxy', 'undici']) {
  const env = { ...WITH_TOKEN, TRANSPORT: transport, UPSTREAM_SOCKETS_MAX: '1', WAIT_MS: '60000' }

  for (const [what, method, path] of LEAVING) {
    test(`at the deadline of ${what}, requests that wait for a connection go to another upstream, over ${transport}`, async (t) => {
      const a = await httpServer(t, () => 'never answers')
      const b = await httpServer(t, (_request, response) => response.end('b'))
      const { url, adminUrl } = await balancing(t, { a: a.port, b: b.port }, env)
      t.is((await send(`${adminUrl}/upstreams/b/drain`, 'POST')).status, 202)
      const answers = Promise.all(Array.from({ length: 3 }, () => ask(url, { method: 'POST' })))
      await filled(adminUrl, a, 3)
      t.is((await send(`${adminUrl}/upstreams/b/resume`, 'POST')).status, 200)
      t.is((await send(`${adminUrl}${path}`, method, { withinMs: 1 })).status, 202)
      t.deepEqual(outcomes(await answers), ['502', 'b', 'b'])
      t.is(a.requests.length, 1)
    })
  }

  test(`when the only upstream is removed, a request that waits for a connection waits for an upstream, over ${transport}`, async (t) => {
    const a = await httpServer(t, () => 'never answers')
    const b = await httpServer(t, (_request, response) => response.end('b'))
    const { url, adminUrl } = await balancing(t, { a: a.port }, env)
    const answers = Promise.all(Array.from({ length: 2 }, () => ask(url, { method: 'POST' })))
    await filled(adminUrl, a, 2)
    t.is((await send(`${adminUrl}/upstreams/a`, 'DELETE', { withinMs: 1 })).status, 202)
    const waiting = async () => /queue_length 1/.test((await send(`${adminUrl}/metrics`, 'GET')).body.toString())
    await until(waiting, { what: 'the request to wait for an upstream' })
    await send(`${adminUrl}/upstreams`, 'POST', { upstream: `b=http://127.0.0.1:${b.port}` })
    t.deepEqual(outcomes(await answers), ['502', 'b'])
    t.is(a.requests.length, 1)
  })
}

for (const [what, method, path] of LEAVING) {
  test(`${what} that was taken back does not end the next one early`, async (t) => {
    // On a busy machine the first deadline may pass before it can be taken back: then the next is later.
    for (let withinMs = 1_500; ; withinMs *= 4) {
      const answers: ServerResponse[] = []
      const node = await httpServer(t, (_request, response) => void answers.push(response))
      const { url, adminUrl } = await balancing(t, { a: node.port }, WITH_TOKEN)
      const answer = ask(url, { method: 'POST' })
      answer.catch(() => 'the first deadline has cut it')
      await until(() => answers.length === 1, { what: 'the request to arrive' })
      const endsAtMs = performance.now() + withinMs
      t.is((await send(`${adminUrl}${path}`, method, { withinMs })).status, 202)
      const resumed = await send(`${adminUrl}/upstreams/a/resume`, 'POST')
      if (performance.now() > endsAtMs) continue
      t.is(resumed.status, 200)
      t.is((await send(`${adminUrl}${path}`, method, { withinMs: 60_000 })).status, 202)
      await delay(withinMs + 100)
      answers[0]?.end('whole')
      t.is((await answer).body.toString(), 'whole')
      return
    }
  })
}

test('a change that can not be made is refused with the reason, and nothing changes', async (t) => {
  const { adminUrl } = await balancing(t, { a: await freePort() }, WITH_TOKEN)
  const cases: [string, string, object | undefined, number, string][] = [
    ['POST', '/upstreams', { upstream: 'a=http://127.0.0.1:1' }, 409, 'NAME_TAKEN'],
    ['POST', '/upstreams', { upstream: 'b=https://127.0.0.1:1' }, 422, 'INVALID'],
    ['POST', '/upstreams', { upstream: 'b=http://127.0.0.1:1,c=http://127.0.0.1:2' }, 422, 'INVALID'],
    ['POST', '/upstreams', { upstream: 'b=dns://name:1' }, 422, 'INVALID'],
    ['POST', '/upstreams', {}, 422, 'INVALID'],
    ['POST', '/upstreams', [], 422, 'INVALID'],
    ['PATCH', '/upstreams/a', { weight: 0 }, 422, 'INVALID'],
    ['PATCH', '/upstreams/z', { weight: 1 }, 404, 'NOT_FOUND'],
    ['DELETE', '/upstreams/z', undefined, 404, 'NOT_FOUND'],
    ['POST', '/upstreams/z/drain', undefined, 404, 'NOT_FOUND'],
    ['POST', '/upstreams/a/drain', { withinMs: -1 }, 422, 'INVALID'],
    ['POST', '/reload', undefined, 501, 'NOT_SUPPORTED'],
    ['GET', '/decisions?kind=magic', undefined, 422, 'INVALID'],
    ['GET', '/decisions?limit=0', undefined, 422, 'INVALID'],
  ]
  for (const [method, path, body, status, code] of cases) {
    const answer = await send(`${adminUrl}${path}`, method, body)
    t.is(answer.status, status, `${method} ${path}`)
    t.like(parsed(answer), { error: { code } }, `${method} ${path}`)
  }
  t.deepEqual(Object.keys(await states(adminUrl)), ['a'])
})

test('silent connections, and requests that never end, leave the port open to others', async (t) => {
  const { adminUrl } = await balancing(t, { a: await freePort() }, WITH_TOKEN)
  const port = Number(new URL(adminUrl).port)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const silent = await Promise.all(Array.from({ length: 150 }, () => rawClient(t, port)))
  for (const [index, client] of silent.entries()) {
    if (index % 3 === 0) client.send('GET /readyz HTTP/1.1')
    if (index % 3 === 1) client.send('POST /upstreams HTTP/1.1', 'Host: localhost', 'Content-Length: 10', '', '')
  }
  for (const path of ['/healthz', '/readyz', '/upstreams']) {
    const headers = { authorization: `Bearer ${TOKEN}` }
    t.is((await ask(`${adminUrl}${path}`, { headers })).status, 200, path)
    t.is((await ask(`${adminUrl}${path}`, { headers, agent })).status, 200, path)
  }
})

test('a body that is too large is answered with 413, also where it arrives in chunks', async (t) => {
  const { adminUrl } = await balancing(t, { a: await freePort() }, WITH_TOKEN)
  const body = JSON.stringify({ upstream: 'x'.repeat(1_000_000) })
  const authorization = `Bearer ${TOKEN}`
  for (const headers of [{ authorization }, { authorization, 'transfer-encoding': 'chunked' }]) {
    const answer = await ask(`${adminUrl}/upstreams`, { method: 'POST', headers, body })
    t.is(answer.status, 413)
    t.like(parsed(answer), { error: { code: 'BODY_TOO_LARGE' } })
  }
})

test('decisions say where a request went and why, and what happened to the upstreams', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end())
  const gone = await freePort()
  const env = { ...WITH_TOKEN, PROBE_INTERVAL_MS: '60000', PROBE_FALL: '100' }
  const { url, adminUrl } = await balancing(t, { a: gone, b: upstream.port }, env)
  const { headers } = await ask(url)
  const requestId = headers['x-request-id']
  const { decisions } = parsed<{ decisions: Record<string, string>[] }>(await send(`${adminUrl}/decisions`, 'GET'))
  t.true(
    decisions.some((each) => each['requestId'] === requestId && each['upstream'] === 'b' && each['kind'] === 'routing'),
  )
  t.true(decisions.some((each) => each['kind'] === 'health' && each['upstream'] === 'a' && each['decision'] === 'down'))
  const routed = parsed<{ decisions: object[] }>(await send(`${adminUrl}/decisions?kind=routing&limit=1`, 'GET'))
  t.is(routed.decisions.length, 1)
})
