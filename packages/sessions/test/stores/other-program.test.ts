/** Another program than the URL says is at the port. Each is a small server that begins as the real one does. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { StoreConfigError, StoreUnavailableError } from '../../src/errors.ts'
import { openStore } from '../../src/stores/open-store.ts'

const PROGRAMS: Readonly<Record<string, (socket: Socket) => void>> = {
  Redis: onLine((line) => `-ERR unknown command '${line}'\r\n`),
  Memcached: onLine((line) => (line === 'version' ? 'VERSION 1.6.18\r\n' : 'ERROR\r\n')),
  PostgreSQL: (socket) =>
    socket.on('data', (data) => (data.toString('hex') === '0000000804d2162f' ? socket.write('N') : socket.destroy())),
  'MySQL or MariaDB': (socket) => socket.write('\x4a\0\0\0\n8.0.40\0'),
  'an HTTP server': onLine(() => 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
}

const STORES: Readonly<Record<string, (port: number) => string>> = {
  Redis: (port) => `redis://127.0.0.1:${port}`,
  Memcached: (port) => `memcached://127.0.0.1:${port}`,
  PostgreSQL: (port) => `postgres://ninelives@127.0.0.1:${port}/shop`,
  'MySQL or MariaDB': (port) => `mysql://ninelives@127.0.0.1:${port}/shop`,
}

function onLine(answer: (line: string) => string): (socket: Socket) => void {
  return (socket) =>
    socket.on('data', (data) => {
      const text = data.toString('latin1')
      // Redis and Memcached wait for the end of a line, and to Redis a line ends at a NUL.
      if (/^[^\0]*\n/.test(text)) socket.write(answer(text.trim()))
    })
}

async function portOf(t: ExecutionContext, program: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    program(socket)
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function failureOf(t: ExecutionContext, url: string): Promise<Error> {
  const store = await openStore(url)
  t.teardown(() => store.close())
  return await t.throwsAsync(store.open())
}

for (const [expected, urlOf] of Object.entries(STORES)) {
  for (const [program, begin] of Object.entries(PROGRAMS)) {
    if (program === expected) continue
    test(`${program} at the port of a ${expected}`, async (t) => {
      const port = await portOf(t, begin)
      const error = await failureOf(t, urlOf(port))
      t.true(error instanceof StoreConfigError)
      t.true(error.message.startsWith(`127.0.0.1:${port} answers, but it is not ${expected}: it is ${program}, `))
    })
  }

  test(`a ${expected} that does not let the store open is an outage`, async (t) => {
    const port = await portOf(t, PROGRAMS[expected] as (socket: Socket) => void)
    const error = await failureOf(t, `${urlOf(port)}?openTimeoutMs=300&timeoutMs=200`)
    t.true(error instanceof StoreUnavailableError)
  })

  test(`a program that is not known at the port of a ${expected} is an outage`, async (t) => {
    const port = await portOf(t, (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'))
    const error = await failureOf(t, `${urlOf(port)}?openTimeoutMs=300&timeoutMs=200`)
    t.true(error instanceof StoreUnavailableError)
  })
}

test('of several servers, the one that is another program is named', async (t) => {
  const port = await portOf(t, PROGRAMS['Memcached'] as (socket: Socket) => void)
  const error = await failureOf(t, `postgres://ninelives@127.0.0.1:1,127.0.0.1:${port}/shop`)
  t.regex(error.message, new RegExp(`^127\\.0\\.0\\.1:${port} answers, but it is not PostgreSQL: it is Memcached`))
})
