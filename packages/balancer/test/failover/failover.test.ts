/** Nodes as real processes that die, come back, freeze and drain under a balancer's hands. */
import { createHash, randomBytes } from 'node:crypto'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import type { Balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { QUICK } from '../fixtures/patient.ts'
import { startNode } from '../fixtures/processes.ts'
import type { FixtureNode } from '../fixtures/processes.ts'
import { rawClient, rawServer } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

/** Longer than any test: what is noticed without a probe is noticed by a request. */
const NO_PROBES = { PROBE_INTERVAL_MS: '60000' }

async function cluster(t: ExecutionContext, env?: Record<string, string>): Promise<[Balancing, ...FixtureNode[]]> {
  const nodes = await Promise.all(['a', 'b', 'c'].map((name) => startNode(t, name)))
  const ports = Object.fromEntries(nodes.map(({ name, port }) => [name, port]))
  return [await balancing(t, ports, env), ...nodes]
}

interface Hammering {
  /** What was sent from now on goes into a list of its own. */
  mark(): void
  /** The statuses since the last mark, by how often; 'broken' is a connection that broke. */
  counts(): Record<string, number>
  stop(): Promise<void>
}

const CLIENTS = 4

/** Clients that send one request after the other, half of them POSTs. */
function hammer(t: ExecutionContext, url: string): Hammering {
  let counts: Record<string, number> = {}
  const stop = new AbortController()
  async function client(method: string): Promise<void> {
    while (!stop.signal.aborted) {
      const own = counts
      const status = await ask(url, { method, body: method === 'POST' ? 'hello' : '' }).then(
        (answer) => String(answer.status),
        () => 'broken',
      )
      own[status] = (own[status] ?? 0) + 1
    }
  }
  const clients = Array.from({ length: CLIENTS }, (_, index) => client(index % 2 === 0 ? 'GET' : 'POST'))
  t.teardown(() => stop.abort())
  return {
    mark: () => (counts = {}),
    counts: () => counts,
    async stop() {
      stop.abort()
      await Promise.all(clients)
    },
  }
}

/** Every request of a while, all of them answered well. */
async function allGoesWell(t: ExecutionContext, load: Hammering): Promise<void> {
  load.mark()
  const counts = load.counts()
  await until(() => (counts['200'] ?? 0) >= 100, { what: 'a hundred requests to be answered' })
  t.deepEqual(Object.keys(counts), ['200'])
}

test('a killed node costs at most its requests in flight, and comes back by itself', async (t) => {
  const [balancer, , b] = await cluster(t)
  if (b === undefined) return t.fail()
  const load = hammer(t, balancer.url)
  await allGoesWell(t, load)
  load.mark()
  await b.kill()
  await until(() => balancer.events().includes('b ejected'), { what: 'b to be ejected' })
  const { 200: _well, 502: failed = 0, ...others } = load.counts()
  t.true(failed <= 2 * CLIENTS, `${failed} failed`)
  t.deepEqual(others, {})
  await allGoesWell(t, load)
  await b.restart()
  await until(() => balancer.events().includes('b readmitted'), { what: 'b to be readmitted' })
  await allGoesWell(t, load)
  await load.stop()
  t.deepEqual(balancer.events(), ['b ejected', 'b readmitted'])
  const seen = (await (await fetch(`${b.url}/seen`)).json()) as unknown[]
  t.true(seen.length > 0, 'b serves again')
})

test('a refused connection goes to the next node, whatever the method and size, and ejects', async (t) => {
  const [balancer, a, b] = await cluster(t, NO_PROBES)
  if (a === undefined || b === undefined) return t.fail()
  await Promise.all([a.kill(), b.kill()])
  const body = randomBytes(10 * 1_048_576)
  const answers = [
    await ask(balancer.url, { method: 'POST', body, headers: { 'transfer-encoding': 'chunked' } }),
    ...(await Promise.all(['GET', 'PUT', 'DELETE', 'PATCH'].map((method) => ask(balancer.url, { method })))),
  ]
  t.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200, 200],
  )
  const sha256 = createHash('sha256').update(body).digest('hex')
  t.like(JSON.parse(answers[0]?.body.toString() ?? ''), { name: 'c', bytes: body.length, sha256 })
  // One that was suspected meanwhile, because its idle connection ended, is ejected by its probe.
  await until(() => balancer.events().length >= 2, { what: 'both to be ejected' })
  t.deepEqual(balancer.events().sort(), ['a ejected', 'b ejected'])
})

test('a frozen node is ejected when its probes time out, and readmitted when it thaws', async (t) => {
  const [balancer, , b] = await cluster(t, QUICK)
  if (b === undefined) return t.fail()
  b.signal('SIGSTOP')
  await until(() => balancer.events().includes('b ejected'), { what: 'b to be ejected' })
  const load = hammer(t, balancer.url)
  await allGoesWell(t, load)
  b.signal('SIGCONT')
  await until(() => balancer.events().includes('b readmitted'), { what: 'b to be readmitted' })
  await allGoesWell(t, load)
  await load.stop()
})

test('a node that says it is not ready finishes what it has and gets nothing new', async (t) => {
  const [balancer, , b] = await cluster(t)
  if (b === undefined) return t.fail()
  const slow = Array.from({ length: 3 }, () => ask(`${balancer.url}/slow?ms=1500`))
  await until(async () => (await seenBy(b)).includes('GET /slow?ms=1500'), { what: 'b to be at work' })
  await fetch(`${b.url}/readiness?ready=false`)
  await until(() => balancer.events().includes('b draining'), { what: 'b to drain' })
  const before = await seenBy(b)
  const load = hammer(t, balancer.url)
  await allGoesWell(t, load)
  t.deepEqual(notAboutItself(await seenBy(b)), notAboutItself(before))
  t.deepEqual(
    (await Promise.all(slow)).map(({ status }) => status),
    [200, 200, 200],
  )
  await fetch(`${b.url}/readiness?ready=true`)
  await until(() => balancer.events().includes('b readmitted'), { what: 'b to be readmitted' })
  await load.stop()
  t.deepEqual(balancer.events(), ['b draining', 'b readmitted'])
})

async function seenBy(node: FixtureNode): Promise<string[]> {
  return (await (await fetch(`${node.url}/seen`)).json()) as string[]
}

function notAboutItself(seen: readonly string[]): string[] {
  return seen.filter((request) => request !== 'GET /seen')
}

test("a node killed in the middle of its answer ends the client's connection", async (t) => {
  const a = await startNode(t, 'a')
  const balancer = await balancing(t, { a: a.port })
  const client = await rawClient(t, balancer.port)
  client.send('GET /half HTTP/1.1', 'Host: a', '', '')
  await client.receives(/x{100}$/)
  await a.kill()
  t.regex(await client.closed, /x{100}$/)
})

test('with every node killed the answer is 503, and the first that is back serves', async (t) => {
  const [balancer, ...nodes] = await cluster(t)
  await Promise.all(nodes.map((node) => node.kill()))
  t.is((await ask(balancer.url, { method: 'POST', body: 'hello' })).status, 503)
  await nodes[2]?.restart()
  await until(async () => (await ask(balancer.url)).status === 200, { what: 'c to serve' })
  t.pass()
})

test('the last node stays in use, whatever its probes say', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end('ok'))
  upstream.server.prependListener('request', (request, response) => {
    if (request.url === '/readyz') response.statusCode = 404
  })
  const balancer = await balancing(t, { a: upstream.port }, { PROBE_FALL: '1' })
  t.deepEqual(balancer.events(), ['a ejected'])
  t.is((await ask(balancer.url)).status, 200)
})

test('a broken connection has the node probed at once, and the node does not get the request again', async (t) => {
  const upstream = await rawServer(t, (socket) => {
    socket.destroy()
    upstream.close()
  })
  const balancer = await balancing(t, { a: upstream.port }, NO_PROBES)
  t.is((await ask(balancer.url)).status, 502)
  await until(() => balancer.events().includes('a ejected'), { what: 'a to be ejected' })
  t.pass()
})

test('a pinned client stays with its node, and moves with its cookie when the node dies', async (t) => {
  const [balancer, ...nodes] = await cluster(t, { ROUTING: 'affinity', AFFINITY_KEYS: 'k'.repeat(32) })
  const first = await ask(balancer.url)
  const [cookie] = first.headers['set-cookie'] ?? []
  const pinned = { headers: { cookie: cookie?.split(';')[0] } }
  const home = first.headers['x-served-by']
  for (let count = 0; count < 5; count += 1) {
    const { headers } = await ask(balancer.url, pinned)
    t.is(headers['x-served-by'], home)
    t.is(headers['set-cookie'], undefined)
  }
  await nodes.find(({ name }) => name === home)?.kill()
  await until(() => balancer.events().includes(`${String(home)} ejected`), { what: 'its node to be ejected' })
  const moved = await ask(balancer.url, pinned)
  t.is(moved.status, 200)
  t.not(moved.headers['x-served-by'], home)
  t.regex(String(moved.headers['set-cookie']), new RegExp(`=${String(moved.headers['x-served-by'])}\\.`))
})
