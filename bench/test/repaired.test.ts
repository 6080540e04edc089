/** autocannon through a fault: each request has one end, whatever became of its connection, and the next begins anew. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findStrategy } from '@ninelives/lab'
import test, { type ExecutionContext } from 'ava'
import { contestantOf, openCluster } from '../harness/cluster-under-test.ts'
import { cannon } from '../strategies/healthy/autocannon-client.ts'
import { crossCheck } from '../self-check/cross-check.ts'
import { type Loss, type Repaired, repairReconnect } from '../strategies/healthy/repaired.ts'

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

interface Scripted {
  readonly url: string
  readonly server: Server
  readonly sockets: Set<Socket>
}

/** `serve` gets each request, with the number of its connection, counted from 1. */
async function scripted(t: ExecutionContext, serve: (socket: Socket, connection: number) => void): Promise<Scripted> {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const connection = ++connections
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', () => serve(socket, connection))
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, sockets }
}

interface Asker {
  readonly ask: () => Promise<string | Loss>
  readonly connErrors: () => number
}

/** One connection of autocannon's, repaired. Asks once, and resolves with the body of the answer or with why there is none. */
function asker(t: ExecutionContext, url: string): Asker {
  let repaired: Repaired | undefined
  let told: ((end: string | Loss) => void) | undefined
  let errors = 0
  const fired = cannon(url, 1, (client) => {
    repaired = repairReconnect(client, (loss) => told?.(loss))
    client.on('connError', () => errors++)
    client.setRequests([{ path: '/', onResponse: (_status, body) => told?.(body) }])
  })
  t.teardown(() => fired.stop())
  return {
    ask() {
      const { promise, resolve } = Promise.withResolvers<string | Loss>()
      told = resolve
      repaired?.send()
      return promise
    },
    connErrors: () => errors,
  }
}

test('a connection that ends without an answer costs the one request, and the next goes over another', async (t) => {
  const { url } = await scripted(t, (socket, connection) => {
    if (connection === 1) socket.end()
    else socket.write(ANSWER)
  })
  const { ask } = asker(t, url)
  t.deepEqual(await ask(), { end: 'broken', kind: 'cut off' })
  t.is(await ask(), 'ok')
  t.is(await ask(), 'ok')
})

test('a reset is told as one', async (t) => {
  const { url } = await scripted(t, (socket, connection) => {
    if (connection === 1) socket.resetAndDestroy()
    else socket.write(ANSWER)
  })
  const { ask } = asker(t, url)
  t.deepEqual(await ask(), { end: 'broken', kind: 'ECONNRESET' })
  t.is(await ask(), 'ok')
})

test('what follows on a body that was cut off is read as what it is', async (t) => {
  const { url } = await scripted(t, (socket, connection) => {
    if (connection === 1) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin')
    else socket.write(ANSWER)
  })
  const { ask } = asker(t, url)
  t.deepEqual(await ask(), { end: 'broken', kind: 'cut off' })
  t.is(await ask(), 'ok')
})

test('what is no HTTP does not stay in the way', async (t) => {
  const { url } = await scripted(t, (socket, connection) => {
    socket.write(connection === 1 ? 'junk\r\n\r\n' : ANSWER)
  })
  const { ask } = asker(t, url)
  t.deepEqual(await ask(), { end: 'broken', kind: 'not HTTP' })
  t.is(await ask(), 'ok')
})

test('an answer that closes its connection is an answer, and nothing more is sent there', async (t) => {
  const { url } = await scripted(t, (socket, connection) => {
    socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n${connection}`)
  })
  const { ask } = asker(t, url)
  t.is(await ask(), '1')
  t.is(await ask(), '2')
})

test('a server that is away is tried once a request, and answers once it is back', async (t) => {
  const { url, server, sockets } = await scripted(t, (socket) => socket.write(ANSWER))
  const { ask, connErrors } = asker(t, url)
  t.is(await ask(), 'ok')
  const { port } = server.address() as AddressInfo
  server.close()
  for (const socket of sockets) socket.destroy()
  await once(server, 'close')
  // Whether the end of the old connection was seen before it was used is a matter of luck.
  t.is(typeof (await ask()), 'object')
  for (let turn = 0; turn < 3; turn++) t.deepEqual(await ask(), { end: 'unsent', kind: 'ECONNREFUSED' })
  t.true(connErrors() <= 4, `${connErrors()} errors of 4 requests`)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.is(await ask(), 'ok')
})

test('through the death and the return of a node, both generators tell the same', async (t) => {
  const strategy = findStrategy('sticky')
  if (strategy === undefined) throw new Error('there is a strategy sticky')
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const wishes = { nodes: 1, users: 0, rate: 1, seed: 1, restartAfterMs: 700, directory }
  const cluster = await openCluster(contestantOf(strategy), wishes)
  t.teardown(() => cluster.stop())
  const [pair] = await crossCheck(cluster, { kills: 1, users: 10, rate: 50, seed: 1 })
  if (pair === undefined) throw new Error('there was a kill')
  const { autocannon, own } = pair
  t.log(pair)
  for (const { outageMs, goodShare } of [autocannon, own]) {
    t.true(outageMs >= 700, 'the node was away for at least as long as it is left alone')
    t.true(goodShare > 0 && goodShare < 1)
  }
  // Where a queue that was not cleared is read on, each answer after the outage is as late as the outage was long; on a machine that
  // can't keep up they are late as well, but then for both.
  t.true(autocannon.afterP50Ms < Math.max(autocannon.outageMs / 2, 4 * own.afterP50Ms))
  // On a machine that does other things as well; cross-check.ts has it by the percent.
  t.true(autocannon.outageMs < 2 * own.outageMs && own.outageMs < 2 * autocannon.outageMs)
})
