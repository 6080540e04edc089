/** The control port answers whatever other connections do. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { boundConnections } from '../../src/control/connections.ts'
import type { Lab } from '../../src/lab.ts'
import { until } from '../../src/wait.ts'
import { ask } from '../fixtures/ask.ts'
import { openedLab } from '../fixtures/open-lab.ts'

/** More than the port takes at once. */
const MANY = 300

interface Held {
  readonly socket: Socket
  isOpen: boolean
}

/** So many connections, each of which has sent no more than that. */
async function hold(t: ExecutionContext, { control }: Lab, count: number, sent = ''): Promise<Held[]> {
  const { hostname, port } = new URL(control.url)
  const all: Held[] = []
  for (let n = 0; n < count; n++) {
    const held: Held = { socket: connect(Number(port), hostname), isOpen: true }
    t.teardown(() => held.socket.destroy())
    held.socket.on('error', () => undefined)
    held.socket.on('close', () => (held.isOpen = false))
    await once(held.socket, 'connect')
    if (sent !== '') held.socket.write(sent)
    all.push(held)
  }
  return all
}

for (const [what, sent] of [
  ['nothing', ''],
  ['half a header', 'GET /api/cluster HTTP/1.1\r\nHost: localhost\r\n'],
  ['a request without its body', 'POST /api/faults HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n'],
] as const) {
  test(`${MANY} connections that send ${what} do not keep others out`, async (t) => {
    const lab = await openedLab(t)
    const held = await hold(t, lab, MANY, sent)
    t.is((await ask(lab, 'GET', '/api/cluster')).status, 200)
    t.is((await ask(lab, 'DELETE', '/api/faults/f9')).status, 404)
    const open = (): number => held.filter(({ isOpen }) => isOpen).length
    await until(() => open() <= 64, { deadlineMs: 60_000, what: 'the ones that waited longest to be closed' })
    t.true(held.at(-1)?.isOpen, 'the last one has its turn')
  })
}

test('a request being served is never evicted, and an idle connection is closed in time', async (t) => {
  const lab = await openedLab(t)
  const events = 'GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const [reader] = await hold(t, lab, 1, events)
  let read = ''
  reader?.socket.on('data', (text) => (read += text.toString()))
  await until(() => read.includes('run-started'), { deadlineMs: 60_000, what: 'the events' })
  const held = await hold(t, lab, MANY)
  await until(() => held.every(({ isOpen }) => !isOpen), { deadlineMs: 60_000, what: 'the silent ones to be closed' })
  lab.trace.append({ type: 'node-paused', node: 'a' })
  await until(() => read.includes('node-paused'), { deadlineMs: 60_000, what: 'the next event' })
  t.true(reader?.isOpen)
})

test('a request that arrived while the lab stalled is answered, although its time is over', async (t) => {
  const waitMaxMs = 1_000
  const server = createServer((_request, response) => response.end('here'))
  boundConnections(server, { connectionsMax: 8, waitingPerAddressMax: 8, waitMaxMs })
  t.teardown(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await Promise.all([once(socket, 'connect'), once(server, 'connection')])
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  const endsAtMs = performance.now() + 1.5 * waitMaxMs
  while (performance.now() < endsAtMs);
  const [answer] = (await once(socket, 'data')) as [Buffer]
  t.regex(answer.toString(), /^HTTP\/1\.1 200 OK/)
})
