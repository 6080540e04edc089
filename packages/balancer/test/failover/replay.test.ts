/** Requests that are sent again: with all of their body, within their bounds, and not after their client has left. */
import { createHash, randomBytes } from 'node:crypto'
import { request as open } from 'node:http'
import { buffer } from 'node:stream/consumers'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import type { Balancing } from '../fixtures/balancing.ts'
import { answerTo, ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import type { HttpServer } from '../fixtures/nodes/http-server.ts'
import { freePort } from '../fixtures/processes.ts'
import { rawClient } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

const KEYED = { 'idempotency-key': 'own' }
/** The request itself finds out what fails. */
const NO_PROBES = { PROBE_INTERVAL_MS: '60000', SUSPECT_MS: '60000' }

/** Takes all of a request, and breaks. */
function breaking(t: ExecutionContext): Promise<HttpServer> {
  return httpServer(t, (request) => void request.resume().once('end', () => request.socket.destroy()))
}

/** Answers with the digest of what came. */
function digesting(t: ExecutionContext): Promise<HttpServer> {
  return httpServer(t, (request, response) => {
    void buffer(request).then((body) => response.end(digest(body)))
  })
}

function digest(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}

/** The first request goes to the one that breaks. */
async function breakingFirst(t: ExecutionContext, env = {}): Promise<[Balancing, HttpServer, HttpServer]> {
  const [a, b] = await Promise.all([breaking(t), digesting(t)])
  return [await balancing(t, { a: a.port, b: b.port }, { ...NO_PROBES, ...env }), a, b]
}

async function waiting({ adminUrl }: Balancing): Promise<string | undefined> {
  return /queue_length (\d+)/.exec(await (await fetch(`${adminUrl}/metrics`)).text())?.[1]
}

for (const bytes of [1, 10_000, 65_536]) {
  test(`a body of ${bytes} bytes is sent again from its beginning`, async (t) => {
    const [balancer, broke] = await breakingFirst(t)
    const body = randomBytes(bytes)
    const answer = await ask(balancer.url, { method: 'POST', headers: KEYED, body })
    t.deepEqual([answer.status, answer.body.toString()], [200, digest(body)])
    t.is(broke.requests.length, 1)
  })
}

test('a body in chunks that the client goes on sending while the first node breaks arrives whole', async (t) => {
  const [a, b] = await Promise.all([
    httpServer(t, (request) => void request.once('data', () => request.socket.destroy())),
    digesting(t),
  ])
  const { url } = await balancing(t, { a: a.port, b: b.port }, NO_PROBES)
  const pieces = Array.from({ length: 20 }, () => randomBytes(1_000))
  const request = open(url, { method: 'POST', agent: false, headers: { ...KEYED, 'transfer-encoding': 'chunked' } })
  const answered = answerTo(request)
  const [first, ...others] = pieces
  request.write(first)
  await until(() => a.requests.length + b.requests.length >= 2, { what: 'the second attempt' })
  for (const piece of others) request.write(piece)
  request.end()
  const { status, body } = await answered
  t.deepEqual([status, body.toString()], [200, digest(Buffer.concat(pieces))])
})

test('a body that is longer than the bound on kept bodies is not sent twice', async (t) => {
  const [balancer, , other] = await breakingFirst(t, { REPLAY_BODY_BYTES_MAX: '20000' })
  const { status, body } = await ask(balancer.url, { method: 'PUT', body: randomBytes(20_001) })
  t.is(status, 502)
  t.regex(body.toString(), /It may have been carried out/)
  t.is(other.requests.length, 0)
})

test('without a retry budget only a refused connection is retried', async (t) => {
  const none = { RETRY_PERCENT: '0', RETRY_PER_S_MIN: '0' }
  const [balancer, broke, other] = await breakingFirst(t, none)
  const answers = await Promise.all(['one', 'two'].map(() => ask(balancer.url)))
  t.deepEqual(
    answers.map(({ status }) => status).toSorted((left, right) => left - right),
    [200, 502],
  )
  t.is(broke.requests.length + other.requests.length, 2)
  const refused = await balancing(t, { a: await freePort(), b: other.port }, { ...NO_PROBES, ...none })
  t.is((await ask(refused.url)).status, 200)
})

test('a request that one node leaves unanswered is retried at another, if it may be', async (t) => {
  const [silent, other] = await Promise.all([httpServer(t, () => 'says nothing'), digesting(t)])
  const balancer = await balancing(t, { a: silent.port, b: other.port }, { ...NO_PROBES, ATTEMPT_TIMEOUT_MS: '1500' })
  const answers = await Promise.all(['one', 'two'].map(() => ask(balancer.url)))
  t.deepEqual(
    answers.map(({ status }) => status),
    [200, 200],
  )
  t.is(silent.requests.length, 1)
})

test('when no upstream is left, the answer says how the last one failed', async (t) => {
  const [a, b] = await Promise.all([httpServer(t, () => 'says nothing'), httpServer(t, () => 'says nothing')])
  const { url } = await balancing(t, { a: a.port, b: b.port }, { ...NO_PROBES, ATTEMPT_TIMEOUT_MS: '100' })
  const { status, body } = await ask(url)
  t.is(status, 504)
  t.like(JSON.parse(body.toString()), { error: { code: 'GATEWAY_TIMEOUT' } })
  t.deepEqual([a.requests.length, b.requests.length], [1, 1])
})

test('a request ends at the deadline for all its attempts, and a silent node does not get it twice', async (t) => {
  const silent = await Promise.all(['a', 'b', 'c'].map(() => httpServer(t, () => 'says nothing')))
  const [a, b, c] = silent.map(({ port }) => port) as [number, number, number]
  const timeouts = { ATTEMPT_TIMEOUT_MS: '150', REQUEST_DEADLINE_MS: '200' }
  const { url } = await balancing(t, { a, b, c }, { ...NO_PROBES, ...timeouts })
  t.is((await ask(url)).status, 504)
  const asked = silent.map(({ requests }) => requests.length)
  t.true(asked.every((count) => count <= 1))
  t.true(asked.reduce((sum, count) => sum + count) <= 2)
})

test('a body that is here already counts with its own length towards the bytes that may wait', async (t) => {
  const waits = { WAIT_BYTES_MAX: '1000', WAIT_MS: '60000' }
  const balancer = await balancing(t, { a: await freePort() }, waits)
  const client = await rawClient(t, balancer.port)
  const post = ['POST / HTTP/1.1', 'Host: a', 'Content-Length: 600', '', 'x'.repeat(600)]
  client.send(...post)
  await until(async () => (await waiting(balancer)) === '1', { what: 'the request to wait' })
  const another = await rawClient(t, balancer.port)
  another.send(...post)
  await another.receives(/^HTTP\/1\.1 503 /)
  t.is(client.text(), '')
})

test('a request whose client leaves while no node is up is forgotten', async (t) => {
  const port = await freePort()
  const balancer = await balancing(t, { a: port }, { WAIT_MS: '60000' })
  const client = await rawClient(t, balancer.port)
  client.send('POST / HTTP/1.1', 'Host: a', 'Content-Length: 5', '', 'hello')
  await until(async () => (await waiting(balancer)) === '1', { what: 'the request to wait' })
  client.socket.destroy()
  await until(async () => (await waiting(balancer)) === '0', { what: 'the request to be forgotten' })
  t.pass()
})
