import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import test from 'ava'
import { PortInUseError } from '../../src/errors.ts'
import { freePorts, requireFree } from '../../src/supervise/ports.ts'
import { until } from '../../src/wait.ts'
import { fixture } from '../fixtures/open-lab.ts'

const FIRST_PORT = 20_000
const PORTS = 10_000

test('ports are different, free, and none that the kernel would give to a client', async (t) => {
  const ports = await freePorts(20)
  t.is(new Set(ports).size, 20)
  const [first = 0, last = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    .trim()
    .split(/\s+/)
    .map(Number)
  for (const port of ports) {
    t.true(port < first || port > last, `${port} is outside ${first} to ${last}`)
    // Others on this machine look for free ports too, and each look takes one for an instant.
    const isFree = async (): Promise<boolean> =>
      requireFree(port, 'the test').then(
        () => true,
        () => false,
      )
    await until(isFree, { deadlineMs: 60_000, what: `port ${port} to be free` })
  }
})

test('a taken port is skipped, and refused if it was asked for', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await t.throwsAsync(requireFree(port, 'the shop'), {
    instanceOf: PortInUseError,
    message: `port ${port} for the shop is in use; stop what uses it, or name another, 0 for any`,
  })

  const [near = 0] = await freePorts(1, () => 0.25)
  const busy = createServer()
  t.teardown(() => busy.close())
  const taken = await firstTaken(busy, near + 1)
  const [next = 0] = await freePorts(1, () => (taken - FIRST_PORT + 0.5) / PORTS)
  t.true(next > taken)
})

/** Listens on the first free port from there on. */
async function firstTaken(server: Server, from: number): Promise<number> {
  for (let port = from; ; port++) {
    server.listen(port, '127.0.0.1')
    const isListening = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (isListening) return port
  }
}

test('a port is handed out once, also by another process, as long as the first one runs', async (t) => {
  const other = fork(fixture('free-port'))
  t.teardown(() => other.kill())
  const [{ port }] = (await once(other, 'message')) as [{ port: number }]
  const from = (): number => (port - FIRST_PORT + 0.5) / PORTS
  t.notDeepEqual(await freePorts(1, from), [port])
  other.kill()
  await once(other, 'exit')
  t.deepEqual(await freePorts(1, from), [port])
  t.notDeepEqual(await freePorts(1, from), [port])
})

test('port 0 takes any free port', async (t) => {
  await t.notThrowsAsync(requireFree(0, 'the test'))
})
