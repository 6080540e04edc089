import { once } from 'node:events'
import { connect as connectSecurely } from 'node:tls'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { proxyHeader } from '../../src/proxy-protocol/proxy-protocol.ts'
import { balancing } from '../fixtures/balancing.ts'
import type { Balancing } from '../fixtures/balancing.ts'
import { certificateFolder, testCertificate } from '../fixtures/certificate.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { rawClient } from '../fixtures/requests/raw.ts'

const complete = test.macro({
  exec(t, line: string, address: string | undefined) {
    const whole = Buffer.from(`${line}\r\nGET / `)
    t.deepEqual(proxyHeader(whole), { state: 'complete', bytes: line.length + 2, address })
    for (let length = 0; length < line.length + 2; length += 1) {
      t.deepEqual(proxyHeader(whole.subarray(0, length)), { state: 'incomplete' })
    }
  },
  title: (_given, line: string) => `understood, and waited for: ${line}`,
})

test(complete, 'PROXY TCP4 192.0.2.1 198.51.100.1 56324 443', '192.0.2.1')
test(complete, 'PROXY TCP6 2001:db8::1 2001:db8::2 0 65535', '2001:db8::1')
test(complete, 'PROXY UNKNOWN', undefined)
test(complete, `PROXY UNKNOWN ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535`, undefined)

const malformed = test.macro({
  exec(t, text: string) {
    t.deepEqual(proxyHeader(Buffer.from(text, 'latin1')), { state: 'malformed' })
  },
  title: (_given, text) => `malformed: ${JSON.stringify(text)}`,
})

for (const line of [
  'PROXY',
  'PROXY ',
  'PROXY TCP4',
  'PROXY TCP4 192.0.2.1 198.51.100.1 1',
  'PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3',
  'PROXY TCP4 192.0.2.1 198.51.100.1 1 2 ',
  'PROXY TCP4  192.0.2.1 198.51.100.1 1 2',
  'PROXY TCP4 192.0.2.256 198.51.100.1 1 2',
  'PROXY TCP4 192.0.2.1 198.51.100 1 2',
  'PROXY TCP4 ::1 ::1 1 2',
  'PROXY TCP6 192.0.2.1 198.51.100.1 1 2',
  'PROXY TCP4 192.0.2.1 198.51.100.1 65536 2',
  'PROXY TCP4 192.0.2.1 198.51.100.1 01 2',
  'PROXY TCP4 192.0.2.1 198.51.100.1 -1 2',
  'PROXY UDP4 192.0.2.1 198.51.100.1 1 2',
  'proxy TCP4 192.0.2.1 198.51.100.1 1 2',
  ' PROXY UNKNOWN',
  'GET / HTTP/1.1',
]) {
  test(malformed, `${line}\r\n`)
}
test(malformed, 'G')
test(malformed, 'PROXI')
test(malformed, `PROXY UNKNOWN ${'x'.repeat(100)}`)
test(malformed, '\r\n\r\n\u0000\r\nQUIT \n')

interface Proxied extends Balancing {
  /** What the node read of the last request: X-Forwarded-For and -Proto, Forwarded. */
  readonly told: () => readonly unknown[]
}

async function behindProxy(t: ExecutionContext, env: Readonly<Record<string, string>> = {}): Promise<Proxied> {
  const upstream = await httpServer(t, (_request, response) => response.end('done'))
  const trusted = { TRUSTED_PROXIES: '127.0.0.1', PROXY_PROTOCOL: 'true' }
  const running = await balancing(t, { a: upstream.port }, { ...trusted, ...env })
  return {
    ...running,
    told() {
      const { headers = {} } = upstream.requests.at(-1) ?? {}
      return [headers['x-forwarded-for'], headers['x-forwarded-proto'], headers.forwarded]
    },
  }
}

const LINE = 'PROXY TCP4 192.0.2.1 198.51.100.1 56324 443'
const GET = ['GET / HTTP/1.1', 'Host: a', '', '']

test('the client is the one that the proxy names, and its own X-Forwarded fields are ignored', async (t) => {
  const { port, told } = await behindProxy(t)
  const client = await rawClient(t, port)
  client.send(LINE, 'GET / HTTP/1.1', 'Host: a', 'X-Forwarded-For: 203.0.113.9', '', '')
  await client.receives(/done$/)
  t.deepEqual(told(), ['192.0.2.1', 'http', 'for=192.0.2.1;host="a";proto=http'])
  client.send(...GET)
  await client.receives(/done[^]*done$/)
  t.is(told()[0], '192.0.2.1')
})

test('the line may come in pieces', async (t) => {
  const { port, told } = await behindProxy(t)
  const client = await rawClient(t, port)
  client.socket.setNoDelay(true)
  for (const byte of Buffer.from(`${LINE}\r\n${GET.join('\r\n')}`)) {
    client.socket.write(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await client.receives(/done$/)
  t.is(told()[0], '192.0.2.1')
})

test('of two trusted proxies, the outer one names the client', async (t) => {
  const { port, told } = await behindProxy(t, { TRUSTED_PROXIES: '127.0.0.1,192.0.2.0/24' })
  const client = await rawClient(t, port)
  client.send(LINE, 'GET / HTTP/1.1', 'Host: a', 'X-Forwarded-For: 203.0.113.9', '', '')
  await client.receives(/done$/)
  t.is(told()[0], '203.0.113.9')
})

test('a proxy that does not know its client counts as the client', async (t) => {
  const { port, told } = await behindProxy(t)
  const client = await rawClient(t, port)
  client.send('PROXY UNKNOWN', ...GET)
  await client.receives(/done$/)
  t.is(told()[0], '127.0.0.1')
})

test('by TLS the line comes before the handshake', async (t) => {
  const { env } = await certificateFolder(t, testCertificate())
  const { port, told } = await behindProxy(t, env)
  const client = await rawClient(t, port)
  client.send(LINE, '')
  const socket = connectSecurely({ socket: client.socket, rejectUnauthorized: false })
  t.teardown(() => socket.destroy())
  socket.write(GET.join('\r\n'))
  t.regex(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /)
  t.deepEqual(told(), ['192.0.2.1', 'https', 'for=192.0.2.1;host="a";proto=https'])
})

test('a trusted proxy whose line is malformed, missing or late is cut off without an answer', async (t) => {
  const { port, told } = await behindProxy(t, { CLIENT_HEADERS_TIMEOUT_MS: '6000' })
  for (const lines of [['PROXY TCP4 x', ...GET], GET, ['PROXY TCP4 192.0.2.1 19']]) {
    const client = await rawClient(t, port)
    client.send(...lines)
    t.is(await client.closed, '')
  }
  const reset = await rawClient(t, port)
  reset.send('PROXY ')
  reset.socket.resetAndDestroy()
  const client = await rawClient(t, port)
  client.send(LINE, ...GET)
  await client.receives(/done$/)
  t.is(told()[0], '192.0.2.1')
})

test('from any other address the line is a malformed request', async (t) => {
  const { port } = await behindProxy(t, { TRUSTED_PROXIES: '192.0.2.0/24' })
  const client = await rawClient(t, port)
  client.send(LINE, ...GET)
  t.regex(await client.closed, /^HTTP\/1\.1 400 /)
})

test('connections are counted by the client that the proxy names', async (t) => {
  const { port } = await behindProxy(t, { CLIENT_CONNECTIONS_PER_ADDRESS_MAX: '1' })
  const first = await rawClient(t, port)
  first.send(LINE, ...GET)
  await first.receives(/done$/)
  const second = await rawClient(t, port)
  second.send(LINE, ...GET)
  t.is(await second.closed, '')
  const other = await rawClient(t, port)
  other.send('PROXY TCP4 192.0.2.2 198.51.100.1 1 2', ...GET)
  await other.receives(/done$/)
})

test('a connection without its header yet does not delay the end', async (t) => {
  const running = await behindProxy(t)
  const client = await rawClient(t, running.port)
  client.send('PROXY ')
  await running.close()
  t.is(await client.closed, '')
})
