/** A request under which nodes break: two of them at most, and each once. */
import type { Socket } from 'node:net'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { startNode } from '../fixtures/processes.ts'
import type { FixtureNode } from '../fixtures/processes.ts'
import { rawClient, rawServer } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

/** So that nothing but the request breaks them. */
const NO_PROBES = { PROBE_INTERVAL_MS: '60000', SUSPECT_MS: '60000' }
const UPGRADE = ['GET /ws HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', '', '']

const BREAKS: Record<string, (socket: Socket) => void> = {
  'a connection that is reset': (socket) => void socket.resetAndDestroy(),
  'a connection that ends': (socket) => void socket.end(),
  'an answer that is no HTTP': (socket) => void socket.write('junk\r\n\r\n'),
  'a header that is too long': (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(20_000)}\r\nContent-Length: 0\r\n\r\n`)
  },
}

async function statusOf(t: ExecutionContext, port: number, lines: readonly string[]): Promise<string | undefined> {
  const client = await rawClient(t, port)
  client.send(...lines)
  return (await client.receives(/^HTTP\/1\.1 (\d+) /))[1]
}

for (const [what, breaks] of Object.entries(BREAKS)) {
  test(`${what}: after two nodes broke under a request the third does not get it, and the answer says so`, async (t) => {
    const nodes = await Promise.all(['a', 'b', 'c'].map(() => rawServer(t, breaks)))
    const [a, b, c] = nodes.map(({ port }) => port) as [number, number, number]
    const { url, adminUrl, lines } = await balancing(t, { a, b, c }, { ...NO_PROBES, ATTEMPTS_MAX: '8' })
    const { status, headers, body } = await ask(`${url}/path?secret=1`)
    t.is(status, 502)
    t.like(JSON.parse(body.toString()), { error: { code: 'BAD_GATEWAY' } })
    t.is(nodes.flatMap(({ connections }) => connections).length, 2)
    const said = lines.filter(({ event }) => event === 'poison-request')
    t.like(said, [{ level: 50, requestId: headers['x-request-id'], method: 'GET', path: '/path', attempts: 2 }])
    t.regex(JSON.stringify(said[0]?.['broken']), /^\["[abc]","[abc]"\]$/)
    const metrics = (await ask(`${adminUrl}/metrics`)).body.toString()
    t.true(metrics.includes('failed_attempts_total{rule="poison"} 1\n'))
    const decisions = (await ask(`${adminUrl}/decisions?kind=failure`)).body.toString()
    t.regex(decisions, /"decision":"refuse","because":"poison: (broken|junk), /)
  })
}

test('with two nodes, and with one, each gets it once, however many attempts are allowed', async (t) => {
  for (const names of [['a'], ['a', 'b']]) {
    const nodes = await Promise.all(names.map(() => rawServer(t, (socket) => void socket.resetAndDestroy())))
    const ports = Object.fromEntries(nodes.map(({ port }, index) => [names[index], port]))
    const { url } = await balancing(t, ports, { ...NO_PROBES, ATTEMPTS_MAX: '8' })
    t.is((await ask(url)).status, 502)
    t.deepEqual(
      nodes.map(({ connections }) => connections.length),
      names.map(() => 1),
    )
  }
})

test('an upgrade under which two nodes break is not sent to a third', async (t) => {
  const nodes = await Promise.all(['a', 'b', 'c'].map(() => rawServer(t, (socket) => void socket.resetAndDestroy())))
  const [a, b, c] = nodes.map(({ port }) => port) as [number, number, number]
  const { port } = await balancing(t, { a, b, c }, NO_PROBES)
  t.is(await statusOf(t, port, UPGRADE), '502')
  t.is(nodes.flatMap(({ connections }) => connections).length, 2)
})

test('a request under which one node broke is answered by the next, and no other request is held against', async (t) => {
  const breaking = await httpServer(t, (request, response) => {
    if (request.url === '/poison') request.socket.destroy()
    else response.end('ok')
  })
  const other = await httpServer(t, (_request, response) => response.end('ok'))
  const { url, lines } = await balancing(t, { a: breaking.port, b: other.port }, NO_PROBES)
  for (const path of ['/poison', '/poison', '/', '/', '/', '/']) t.is((await ask(`${url}${path}`)).status, 200)
  t.is(breaking.requests.filter(({ url: path }) => path === '/').length, 2)
  t.false(lines.some(({ event }) => event === 'poison-request'))
})

test('nodes that die of a request and are started again at once die once each', async (t) => {
  const nodes = [await startNode(t, 'a'), await startNode(t, 'b')]
  const deaths: string[] = []
  let restarts = 0
  let ends = false
  const restartedFor = (node: FixtureNode) => {
    void node.exited().then(async () => {
      if (ends) return
      deaths.push(node.name)
      await node.restart()
      restarts += 1
      restartedFor(node)
    })
  }
  nodes.forEach(restartedFor)
  t.teardown(() => (ends = true))
  const ports = Object.fromEntries(nodes.map(({ name, port }) => [name, port]))
  const balancer = await balancing(t, ports, { ATTEMPTS_MAX: '8', WAIT_MS: '20000' })
  t.is((await ask(`${balancer.url}/die`)).status, 502)
  await until(() => restarts >= 2, { what: 'both to be started again' })
  t.is((await ask(balancer.url)).status, 200)
  t.deepEqual(deaths.toSorted(), ['a', 'b'])
})
