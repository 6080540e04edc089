/**
 * The defects of autocannon that the bench avoids, and the two methods that it overrides. When one of these tests fails after an upgrade,
 * read bench/strategies/healthy/connection.ts again.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import autocannon from 'autocannon'
import test, { type ExecutionContext } from 'ava'
import type { AutocannonClient } from '../strategies/healthy/connection.ts'

interface Result {
  readonly errors: number
  readonly timeouts: number
}

interface Cannon {
  readonly instance: autocannon.Instance
  /** Once it has stopped. */
  readonly result: Promise<Result>
}

/** Missing in its types: makes the latency figures of a run with skipAggregateResult. */
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

function durations({ instance }: Cannon, howMany: number): Promise<number[]> {
  const { promise, resolve } = Promise.withResolvers<number[]>()
  const seen: number[] = []
  instance.on('response', (_client, _status, _bytes, durationMs) => {
    if (seen.push(durationMs) === howMany) resolve(seen)
  })
  return promise
}

test('the version is pinned', (t) => {
  const { version } = createRequire(import.meta.url)('autocannon/package.json') as { version: string }
  t.is(version, '9.0.0')
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  t.is((JSON.parse(text) as { devDependencies: Record<string, string> }).devDependencies['autocannon'], version)
})

test('the methods that the bench overrides are there', async (t) => {
  const { promise, resolve } = Promise.withResolvers<AutocannonClient>()
  const url = await server(t, (socket) => socket.write(ANSWER))
  fire(t, { url, setupClient: (client) => resolve(client as AutocannonClient) })
  const client = await promise
  for (const name of ['_connect', '_doRequest'] as const) t.is(typeof client[name], 'function')
})

test('the correction for coordinated omission makes up samples, and can be switched off', async (t) => {
  const url = await server(t, (socket) => setTimeout(() => socket.write(ANSWER), 30))
  const counted = async (options: object): Promise<number> => {
    const { result } = fire(t, { url, amount: 5, connectionRate: 10, ...options })
    return aggregateResult([await result], { url }).latency.totalCount
  }
  t.true((await counted({})) > 50)
  t.is(await counted({ ignoreCoordinatedOmission: true }), 5)
})

test('an overall rate is sent as a burst', async (t) => {
  const arrivedAtMs: number[] = []
  const url = await server(t, (socket) => {
    arrivedAtMs.push(performance.now())
    socket.write(ANSWER)
  })
  await durations(fire(t, { url, connections: 2, overallRate: 10 }), 10)
  const [first = 0, last = Infinity] = [arrivedAtMs[0], arrivedAtMs[9]]
  t.true(last - first < 450, `ten a second take 900 ms when they are spread, and took ${last - first}`)
})

test('after a lost connection autocannon counts no error, and takes an answer for that to an earlier request', async (t) => {
  const lostForMs = 200
  const url = await server(t, (socket, connection) => {
    if (connection === 1) setTimeout(() => socket.end(), lostForMs)
    else socket.write(ANSWER)
  })
  const fired = fire(t, { url })
  const [first = 0] = await durations(fired, 3)
  t.true(first >= lostForMs - 10, `answered at once, and measured as ${first} ms`)
  fired.instance.stop()
  const { errors, timeouts } = await fired.result
  t.deepEqual({ errors, timeouts }, { errors: 0, timeouts: 0 })
})

test('its histogram is in whole milliseconds', async (t) => {
  const url = await server(t, (socket) => setTimeout(() => socket.write(ANSWER), 3))
  const fired = fire(t, { url, amount: 5 })
  const slowest = Math.max(...(await durations(fired, 5)))
  t.false(Number.isInteger(slowest))
  t.is(aggregateResult([await fired.result], { url }).latency.max, Math.floor(slowest))
})
