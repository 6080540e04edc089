/** Routing as clients meet it: pins that a node's death ends, queues, and a drain that tells WebSockets. */
import type { RequestListener } from 'node:http'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { freePort, startNode } from '../fixtures/processes.ts'
import { rawClient } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

function cookieOf(setCookie: readonly string[] | undefined): string {
  return setCookie?.[0]?.split(';', 1)[0] ?? ''
}

test('a node that was started again is another one: its clients move, are told so, and stay', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')]
  const ports = { a: a.port, b: b.port }
  const balancer = await balancing(t, ports, { ROUTING: 'affinity', SLOW_START_MS: '0' })
  const { url, adminUrl } = balancer
  const first = await ask(url)
  const cookie = cookieOf(first.headers['set-cookie'])
  const home = first.headers['x-served-by'] === 'a' ? a : b
  await home.kill()
  await until(() => balancer.events().includes(`${home.name} ejected`), { what: 'it to be ejected' })
  const moved = await ask(url, { headers: { cookie } })
  t.is(moved.status, 200)
  t.is(moved.headers['x-affinity-moved'], `${home.name}; reason=down`)
  t.not(moved.headers['x-served-by'], home.name)
  await home.restart()
  await until(() => balancer.events().includes(`${home.name} readmitted`), { what: 'it to be back' })
  t.is((await ask(url, { headers: { cookie } })).headers['x-affinity-moved'], `${home.name}; reason=restarted`)
  const settled = await ask(url, { headers: { cookie: cookieOf(moved.headers['set-cookie']) } })
  t.is(settled.headers['x-served-by'], moved.headers['x-served-by'])
  t.is(settled.headers['x-affinity-moved'], undefined)
  const metrics = (await ask(`${adminUrl}/metrics`)).body.toString()
  t.regex(metrics, /ninelives_balancer_routed_total\{why="moved"\} 2\n/)
})

/** A balancer with a client that is pinned to a node, which has just been stopped and is suspected. */
async function pinnedToSuspected(t: ExecutionContext, env: Readonly<Record<string, string>>) {
  const nodes = [await startNode(t, 'a'), await startNode(t, 'b')]
  const ports = Object.fromEntries(nodes.map(({ name, port }) => [name, port]))
  const { url, adminUrl } = await balancing(t, ports, {
    ROUTING: 'affinity',
    SUSPECT_MS: '1000',
    QUEUE_WAIT_MS: '60000',
    ...env,
  })
  const first = await ask(url)
  const headers = { cookie: cookieOf(first.headers['set-cookie']) }
  const home = nodes.find(({ name }) => name === first.headers['x-served-by'])
  if (home === undefined) throw new Error('no node has answered')
  const metrics = async () => (await ask(`${adminUrl}/metrics`)).body.toString()
  home.signal('SIGSTOP')
  const isSuspected = async () => (await metrics()).includes(`suspicions_total{upstream="${home.name}"}`)
  await until(isSuspected, { what: 'the node to be suspected' })
  return { url, home, headers, metrics }
}

test('a suspected node gets no new POST of its pinned client: that waits, and moves when the node is ejected', async (t) => {
  const env = { PROBE_TIMEOUT_MS: '1500', ATTEMPT_TIMEOUT_MS: '10000' }
  const { url, home, headers } = await pinnedToSuspected(t, env)
  const { status, headers: answered } = await ask(url, { method: 'POST', headers })
  t.is(status, 200)
  t.is(answered['x-affinity-moved'], `${home.name}; reason=down`)
  home.signal('SIGCONT')
  t.notRegex((await ask(`${home.url}/seen`)).body.toString(), /POST/)
})

test('a client whose node is only suspected waits for it, and stays there', async (t) => {
  const { url, home, headers, metrics } = await pinnedToSuspected(t, {})
  const asked = ask(url, { method: 'POST', headers })
  await until(async () => (await metrics()).includes('queue_length 1\n'), { what: 'the request to wait' })
  home.signal('SIGCONT')
  const answer = await asked
  t.is(answer.headers['x-served-by'], home.name)
  t.is(answer.headers['x-affinity-moved'], undefined)
})

test('requests beyond what the node may have wait their turn, and those beyond the queue are refused', async (t) => {
  const held: (() => void)[] = []
  const node = await httpServer(t, (_request, response) => void held.push(() => response.end('done')))
  const env = { UPSTREAM_IN_FLIGHT_MAX: '1', QUEUE_MAX: '2', QUEUE_WAIT_MS: '60000' }
  const { url, adminUrl } = await balancing(t, { a: node.port }, env)
  const waiting = async () => /queue_length (\d+)/.exec((await ask(`${adminUrl}/metrics`)).body.toString())?.[1]
  const paths: string[] = []
  const asked = ['/1', '/2', '/3'].map(async (path) => {
    await until(async () => paths.length === Number(path[1]) - 1, { what: 'those before it' })
    paths.push(path)
    const answer = ask(`${url}${path}`)
    await until(async () => Number(await waiting()) === Number(path[1]) - 1, { what: `${path} to be there` })
    return answer.then(({ status }) => status)
  })
  await until(async () => (await waiting()) === '2' && node.requests.length === 1, { what: 'two to wait' })
  const refused = await ask(url)
  t.is(refused.status, 503)
  t.is(refused.headers['retry-after'], '1')
  for (let index = 0; index < 3; index += 1) {
    await until(() => held.length > index, { what: `request ${index + 1} to reach the node` })
    held[index]?.()
  }
  t.deepEqual(await Promise.all(asked), [200, 200, 200])
  t.deepEqual(
    node.requests.map((request) => request.url),
    ['/1', '/2', '/3'],
  )
  const metrics = (await ask(`${adminUrl}/metrics`)).body.toString()
  t.true(metrics.includes('queue_wait_seconds_count{outcome="served"} 2\n'))
  t.true(metrics.includes('queue_wait_seconds_count{outcome="refused"} 1\n'))
})

for (const ROUTING of ['round-robin', 'affinity', 'session-id']) {
  test(`${ROUTING}: what a node declines waits for the others while they are full, and goes there in its turn`, async (t) => {
    const held: { path: string | undefined; answer(): void }[] = []
    const hold: RequestListener = ({ url: path }, response) => {
      held.push({ path, answer: () => void response.end('done') })
    }
    const [a, b] = [await httpServer(t, hold), await httpServer(t, hold)]
    const declining = await httpServer(t, (_request, response) => response.writeHead(503).end('busy'))
    // A probe that is late on a busy machine would change where requests may go.
    const env = {
      UPSTREAM_IN_FLIGHT_MAX: '1',
      QUEUE_WAIT_MS: '60000',
      PROBE_INTERVAL_MS: '60000',
      SUSPECT_MS: '60000',
      PROBE_TIMEOUT_MS: '20000',
      ROUTING,
    }
    const { url, adminUrl } = await balancing(t, { a: a.port, b: b.port, c: declining.port }, env)
    const waiting = async () => /queue_length (\d+)/.exec((await ask(`${adminUrl}/metrics`)).body.toString())?.[1]
    const paths = Array.from({ length: 12 }, (_, index) => `/${index}`)
    const asked: Promise<number>[] = []
    for (const [index, path] of paths.entries()) {
      asked.push(ask(`${url}${path}`).then(({ status }) => status))
      const [arrived, wait] = [Math.min(index + 1, 2), Math.max(index - 1, 0)]
      await until(async () => held.length === arrived && Number(await waiting()) === wait, {
        what: `${path} to be there`,
      })
    }
    for (const index of paths.keys()) {
      await until(() => held.length > index, { what: `request ${index} to reach a node` })
      held[index]?.answer()
    }
    t.deepEqual(new Set(await Promise.all(asked)), new Set([200]))
    t.deepEqual(
      held.map(({ path }) => path),
      paths,
    )
  })
}

test('a request may wait for a node longer than an answer may pause', async (t) => {
  const env = { WAIT_MS: '1000', ATTEMPTS_MAX: '1', ATTEMPT_TIMEOUT_MS: '100', ANSWER_IDLE_MS: '100' }
  const { url } = await balancing(t, { a: await freePort() }, env)
  t.is((await ask(url)).status, 503)
})

test('a request that waited in vain is refused', async (t) => {
  const node = await httpServer(t, () => 'never answers')
  const env = { UPSTREAM_IN_FLIGHT_MAX: '1', QUEUE_WAIT_MS: '100' }
  const { url, adminUrl } = await balancing(t, { a: node.port }, env)
  ask(url).catch(() => 'cut at the end')
  await until(() => node.requests.length === 1, { what: 'the first to arrive' })
  t.is((await ask(url)).status, 503)
  const metrics = (await ask(`${adminUrl}/metrics`)).body.toString()
  t.true(metrics.includes('queue_wait_seconds_count{outcome="expired"} 1\n'))
  t.is(node.requests.length, 1)
})

test('a request whose client left does not wait on', async (t) => {
  const node = await httpServer(t, () => 'never answers')
  const env = { UPSTREAM_IN_FLIGHT_MAX: '1', QUEUE_WAIT_MS: '60000' }
  const { url, port, adminUrl } = await balancing(t, { a: node.port }, env)
  ask(url).catch(() => 'cut at the end')
  await until(() => node.requests.length === 1, { what: 'the first to arrive' })
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.1', 'Host: a', '', '')
  const shows = async (line: string) => (await ask(`${adminUrl}/metrics`)).body.includes(`${line}\n`)
  await until(() => shows('queue_length 1'), { what: 'it to wait' })
  client.socket.destroy()
  await until(() => shows('queue_wait_seconds_count{outcome="client-left"} 1'), { what: 'it to be gone' })
  t.true(await shows('queue_length 0'))
})

test('a balancer that stops tells WebSockets at once, and itself as not ready', async (t) => {
  const slow = await httpServer(t, (_request, response) => setTimeout(() => response.end('whole'), 400))
  slow.server.on('upgrade', (_request, socket) => {
    socket.on('error', () => socket.destroy())
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.on('end', () => socket.end()).resume()
  })
  const balancer = await balancing(t, { a: slow.port }, { DRAIN_MS: '10000' })
  const { url, port, adminUrl } = balancer
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', '', '')
  await client.receives(/ 101 [^]*\r\n\r\n/)
  const answer = ask(url)
  await until(() => slow.requests.length === 1, { what: 'the request to arrive' })
  const closed = balancer.close()
  await client.receives(/\xe9retry-after-ms=0$/)
  const readiness = await ask(`${adminUrl}/readyz`)
  t.is(readiness.status, 503)
  t.is((await answer).body.toString(), 'whole')
  await closed
})

test('a node that drains: its WebSockets are told to come back while another takes its place', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')]
  const balancer = await balancing(t, { a: a.port, b: b.port })
  const { url, port } = balancer
  const clients = await Promise.all(
    ['', ''].map(async () => {
      const client = await rawClient(t, port)
      client.send('GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', '', '')
      await client.receives(/ 101 [^]*\r\n\r\n/)
      return client
    }),
  )
  await ask(`${a.url}/readiness?ready=false`, { method: 'PUT' })
  await until(() => balancer.events().includes('a draining'), { what: 'a to drain' })
  await until(() => clients.some((client) => client.text().endsWith('\xf4retry-after-ms=0')), {
    what: 'its client to be told',
  })
  t.is(clients.filter((client) => client.text().endsWith('\xf4retry-after-ms=0')).length, 1)
  t.is((await ask(url)).headers['x-served-by'], 'b')
  await ask(`${b.url}/readiness?ready=false`, { method: 'PUT' })
  await until(() => balancer.events().includes('b draining'), { what: 'b to drain' })
  // Now there is no better place.
  t.is(clients.filter((client) => client.text().endsWith('\xf4retry-after-ms=0')).length, 1)
})

test('access lines and Server-Timing say what became of a request, and no query', async (t) => {
  const node = await httpServer(t, (_request, response) => response.end())
  const { url, lines } = await balancing(t, { a: node.port }, { SERVER_TIMING: 'true' })
  const { headers } = await ask(`${url}/path?secret=1`)
  t.regex(String(headers['server-timing']), /^balancer;dur=[\d.]+, upstream;dur=[\d.]+;desc="a", attempts;desc="1"$/)
  const line = lines.find(({ msg }) => msg === 'request')
  t.like(line, { code: '200', method: 'GET', path: '/path', upstream: 'a', attempts: 1, client: '127.0.0.1' })
  t.is(line?.['requestId'], headers['x-request-id'])
  t.false(JSON.stringify(lines).includes('secret'))
})
