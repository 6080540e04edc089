import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import test from 'ava'
import { PortInUseError } from '../src/errors.ts'
import { freePorts, requireFree } from '../src/supervise/ports.ts'

test('ports are different, free, and none that the kernel would give to a client', async (t) => {
  const ports = await freePorts(20)
  t.is(new Set(ports).size, 20)
  const [first = 0, last = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    .trim()
    .split(/\s+/)
    .map(Number)
  for (const port of ports) {
    t.true(port < first || port > last, `${port} is outside ${first} to ${last}`)
    await t.notThrowsAsync(requireFree(port, 'the test'))
  }
})

test('a port where somebody listens is passed over, and refused when it was asked for', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await t.throwsAsync(requireFree(port, 'the shop'), {
    instanceOf: PortInUseError,
    message: `port ${port} for the shop is in use; stop what uses it, or name another, 0 for any`,
  })

  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  const [free = 0] = await freePorts(1, () => 0.25)
  const busy = createServer().listen(free, '127.0.0.1')
  t.teardown(() => busy.close())
  await once(busy, 'listening')
  let draws = 0
  const [next] = await freePorts(1, () => (draws++ === 0 ? 0.25 : 0.75))
  t.not(next, free)
})

test('any port will do when none was named', async (t) => {
  await t.notThrowsAsync(requireFree(0, 'the test'))
})
