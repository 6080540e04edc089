/**
 * The memory of an idle connection: of a balancer's process before and after thousands of clients connect, send one request each, and
 * stay.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { worker } from '../harness/processes/worker.ts'
import type { Worker } from '../harness/processes/worker.ts'

export interface IdleMemory {
  /** With garbage of the requests. */
  readonly rssAsItIsBytes: number
  /** Without it. */
  readonly rssBytes: number
  /** Of V8, with buffers outside of its heap. */
  readonly heapBytes: number
}

const WARM_CONNECTIONS = 1_000
const AT_ONCE = 100
const SETTLE_MS = 2_000

const REQUEST = 'GET / HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\nCookie: sid=0123456789abcdef0123456789abcdef\r\n\r\n'
const CLIENTS_MAX = 100_000

export interface IdleConnections {
  readonly before: IdleMemory
  readonly held: IdleMemory
  /** When they had gone. */
  readonly after: IdleMemory
}

export async function measureIdleConnections(count: number): Promise<IdleConnections> {
  const node = createServer((_request, response) => response.end('answered')).listen(0, '127.0.0.1')
  await once(node, 'listening')
  const balancer = await startBalancer((node.address() as AddressInfo).port)
  try {
    const port = Number(new URL(balancer.ready.url).port)
    // The first connections pay for loading, compilation and pools.
    closeAll(await openMany(port, WARM_CONNECTIONS))
    const before = await memory(balancer)
    const open = await openMany(port, count)
    const held = await memory(balancer)
    assert(
      open.every((socket) => !socket.closed),
      'every connection still stands',
    )
    closeAll(open)
    return { before, held, after: await memory(balancer) }
  } finally {
    balancer.stop()
    node.close()
    node.closeAllConnections()
  }
}

function startBalancer(nodePort: number): Promise<Worker<{ readonly url: string }>> {
  return worker<{ readonly url: string }>({
    name: 'the balancer',
    file: new URL('../../packages/balancer/src/main.ts', import.meta.url),
    nodeOptions: ['--expose-gc', '--import', new URL('idle-process.ts', import.meta.url).href],
    env: {
      PORT: '0',
      UPSTREAMS: `a=http://127.0.0.1:${nodePort}`,
      LOG_LEVEL: 'silent',
      CLIENT_CONNECTIONS_MAX: String(CLIENTS_MAX),
      CLIENT_CONNECTIONS_PER_ADDRESS_MAX: String(CLIENTS_MAX),
      CLIENT_KEEP_ALIVE_MS: '3600000',
    },
  })
}

async function openMany(port: number, many: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < many) {
    const batch = Array.from({ length: Math.min(AT_ONCE, many - sockets.length) }, () => answeredOnce(port))
    sockets.push(...(await Promise.all(batch)))
  }
  return sockets
}

async function answeredOnce(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.write(REQUEST)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.match(answer.toString('latin1'), /^HTTP\/1\.1 200 /)
  return socket
}

function closeAll(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy()
}

/** After a pause, so that pending work has ended. */
async function memory(of: Worker<unknown>): Promise<IdleMemory> {
  await delay(SETTLE_MS)
  return of.ask<IdleMemory>('memory')
}
