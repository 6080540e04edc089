/**
 * The defects of autocannon that the bench works around, each shown to be there. When one of these fails after an upgrade, it was
 * mended: then what is written around it in `bench/healthy/` can go, or must change.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import autocannon from 'autocannon'
import test, { type ExecutionContext } from 'ava'
import type { AutocannonClient } from '../strategies/healthy/autocannon-client.ts'

interface Result {
  readonly errors: number
  readonly timeouts: number
}

interface Cannon {
  readonly instance: autocannon.Instance
  /** Once it has stopped. */
  readonly result: Promise<Result>
}

/** Its types know of neither; a run in a thread, as here, leaves the histograms for this. */
const { aggregateResult } = autocannon as unknown as {
  aggregateResult: (results: Result[], options: autocannon.Options) => { latency: { totalCount: number; max: number } }
}

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** `serve` gets each request, with the number of its connection, counted from 1. */
async function server(t: ExecutionContext, serve: (socket: Socket, connection: number) => void): Promise<string> {
  let connections = 0
  const sockets = new Set<Socket>()
  const listening = createServer((socket) => {
    const connection = ++connections
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', () => serve(socket, connection))
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    listening.close()
    for (const socket of sockets) socket.destroy()
  })
  await once(listening, 'listening')
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`
}

function fire(t: ExecutionContext, options: autocannon.Options): Cannon {
  const fired = autocannon({ connections: 1, sampleInt: 20, skipAggregateResult: true, ...options })
  const instance = fired as unknown as autocannon.Instance
  const result = fired as unknown as Promise<Result>
  t.teardown(async () => {
    instance.stop()
    await result
  })
  return { instance, result }
}

async function latencyOf({ result }: Cannon, url: string) {
  return aggregateResult([await result], { url }).latency
}

interface Response {
  readonly durationMs: number
}

function responses({ instance }: Cannon, howMany: number): Promise<Response[]> {
  const { promise, resolve } = Promise.withResolvers<Response[]>()
  const seen: Response[] = []
  instance.on('response', (_client, _status, _bytes, durationMs) => {
    if (seen.push({ durationMs }) === howMany) resolve(seen)
  })
  return promise
}

function pinned(): string | undefined {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { devDependencies: Record<string, string> }).devDependencies['autocannon']
}

test('it is the version whose inside we know, and stays it', (t) => {
  const { version } = createRequire(import.meta.url)('autocannon/package.json') as { version: string }
  t.is(version, '9.0.0')
  t.is(pinned(), version)
})

test('what we override and reach for is there', async (t) => {
  const { promise, resolve } = Promise.withResolvers<AutocannonClient>()
  const url = await server(t, (socket) => socket.write(ANSWER))
  fire(t, { url, setupClient: (client) => resolve(client as AutocannonClient) })
  const client = await promise
  for (const name of ['_connect', '_destroyConnection', '_doRequest'] as const) t.is(typeof client[name], 'function')
  t.is(typeof client.parser.execute, 'function')
  t.is(typeof client.parser.reinitialize, 'function')
  t.is(typeof client.pipelinedRequests.clear, 'function')
  t.true(client.pipelinedRequests.size() > 0)
  t.true(client.reqsMade > 0)
})

test('the correction for coordinated omission makes up samples', async (t) => {
  const url = await server(t, (socket) => setTimeout(() => socket.write(ANSWER), 30))
  const { totalCount } = await latencyOf(fire(t, { url, amount: 5, connectionRate: 10 }), url)
  t.true(totalCount > 50, `5 answers became ${totalCount} samples`)
})

test('a rate is sent as a burst', async (t) => {
  const arrivedAtMs: number[] = []
  const url = await server(t, (socket) => {
    arrivedAtMs.push(performance.now())
    socket.write(ANSWER)
  })
  await responses(fire(t, { url, connections: 2, overallRate: 10 }), 10)
  const [first = 0, last = Infinity] = [arrivedAtMs[0], arrivedAtMs[9]]
  t.true(last - first < 450, `ten a second take 900 ms when they are spread, and took ${last - first}`)
})

test('a rate below the number of connections leaves some out', async (t) => {
  const seen = new Set<number>()
  const url = await server(t, (socket, connection) => {
    seen.add(connection)
    socket.write(ANSWER)
  })
  await responses(fire(t, { url, connections: 10, overallRate: 3 }), 6)
  t.is(seen.size, 3)
})

test('after a reconnect, an answer is taken for that to an earlier request, and the one that got none is nobody’s loss', async (t) => {
  const lostForMs = 200
  const url = await server(t, (socket, connection) => {
    if (connection === 1) setTimeout(() => socket.end(), lostForMs)
    else socket.write(ANSWER)
  })
  const fired = fire(t, { url })
  const [first] = await responses(fired, 3)
  t.true((first?.durationMs ?? 0) >= lostForMs - 10, `answered at once, and measured as ${first?.durationMs} ms`)
  fired.instance.stop()
  const { errors, timeouts } = await fired.result
  t.deepEqual({ errors, timeouts }, { errors: 0, timeouts: 0 })
})

test('what follows on a body that was cut off is taken for the rest of it', async (t) => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const url = await server(t, (socket, connection) => {
    if (connection === 1) socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${5 + ANSWER.length}\r\n\r\nbegin`)
    else socket.write(ANSWER)
  })
  fire(t, { url, requests: [{ onResponse: (_status, body) => resolve(body) }] })
  t.is(await promise, `begin${ANSWER}`)
})

test('a refused connection is tried again at once, without end', async (t) => {
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  await once(closed, 'close')
  const { promise, resolve } = Promise.withResolvers<void>()
  let errors = 0
  const beganMs = performance.now()
  fire(t, { url: `http://127.0.0.1:${port}` }).instance.on('reqError', () => {
    if (++errors === 200) resolve()
  })
  await promise
  t.true(performance.now() - beganMs < 10_000, 'with the least wait between two tries, 50 ms, it takes longer')
})

test('its histogram is in whole milliseconds', async (t) => {
  const url = await server(t, (socket) => setTimeout(() => socket.write(ANSWER), 3))
  const fired = fire(t, { url, amount: 5 })
  const seen = await responses(fired, 5)
  const { max } = await latencyOf(fired, url)
  const slowest = Math.max(...seen.map(({ durationMs }) => durationMs))
  t.false(Number.isInteger(slowest))
  t.is(max, Math.floor(slowest))
})
