/** Unknown clients that open connections to the ports of a mesh and send nothing. */
import { connect, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { meshStore } from '../../src/replication/mesh.ts'
import type { MeshEvent } from '../../src/telemetry.ts'
import { linkNode, peerList, SECRET } from '../support/mesh/links.ts'
import { until } from '../support/until.ts'

const SILENT = 100
const AGAIN_AFTER_MS = 50

/** So many silent connections, each opened again when it was closed. */
async function crowd(t: ExecutionContext, port: number, { localAddress = '127.0.0.1' } = {}): Promise<void> {
  const sockets = new Set<Socket>()
  let isOver = false
  let connected = 0
  const open = (): void => {
    if (isOver) return
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    sockets.add(socket)
    socket.on('connect', () => connected++)
    socket.on('error', () => {
      // Refused, or dropped: 'close' follows.
    })
    socket.on('close', () => {
      sockets.delete(socket)
      setTimeout(open, AGAIN_AFTER_MS)
    })
  }
  for (let number = 0; number < SILENT; number++) open()
  t.teardown(() => {
    isOver = true
    for (const socket of sockets) socket.destroy()
  })
  await until('the strangers to be connected', () => connected >= SILENT)
}

function portsOf(peers: string): number[] {
  return [...peers.matchAll(/:(\d+)/g)].map(([, port]) => Number(port))
}

for (const tls of ['off', 'on']) {
  test.serial(`a hundred silent connections a port keep no node out, from any address (TLS ${tls})`, async (t) => {
    const peers = await peerList(['a', 'b', 'c'])
    const url = `replicated:?tls=${tls}&secret=${SECRET}&peers=${peers}`
    const events: MeshEvent[] = []
    const node = (name: string) => {
      const store = meshStore({ url, name, onEvent: (event) => events.push(event) })
      t.teardown(() => store.close())
      return store
    }
    const [a, b] = [node('a'), node('b')]
    await Promise.all([a.open(), b.open()])
    for (const port of portsOf(peers).slice(0, 2)) {
      await crowd(t, port)
      await crowd(t, port, { localAddress: '127.0.0.9' })
    }

    const c = node('c')
    const opening = c.open().catch((error: unknown) => error)
    await crowd(t, portsOf(peers)[2] as number)
    await opening
    await until('the restarted node to serve', async () => {
      await c.health()
      return true
    })
    t.deepEqual(c.status().apart, [])
    const { traffic } = a.status()
    t.true(traffic.strangers > SILENT, `${traffic.strangers} dropped`)
    t.true((a.report?.().mesh?.strangers ?? 0) >= traffic.strangers)
    const told = events.filter(({ event }) => event === 'mesh-strangers')
    // Once for each address and node, however many there are.
    t.true(told.length >= 2 && told.length <= 6, JSON.stringify(told))
  })
}

test.serial('of connections from elsewhere each address has few slots, and the oldest goes first', async (t) => {
  const peers = await peerList(['a', 'b'])
  const a = await linkNode(t, { url: `replicated:?name=a&peers=${peers}` })
  const [port] = portsOf(peers) as [number]
  const closed: number[] = []
  const connected: Socket[] = []
  for (let number = 0; number < 12; number++) {
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.7' })
    socket.on('error', () => {
      // Dropped: 'close' follows.
    })
    socket.on('close', () => closed.push(number))
    t.teardown(() => socket.destroy())
    await new Promise((resolve) => socket.once('connect', resolve))
    connected.push(socket)
  }
  await until('four to be dropped', () => closed.length >= 4)
  t.deepEqual(new Set(closed.slice(0, 4)), new Set([0, 1, 2, 3]))
  t.is(a.links.counts().strangers, 4)
  t.regex(a.lines.join(), /connections from 127\.0\.0\.7 that prove nothing are dropped for newer ones/)
})
