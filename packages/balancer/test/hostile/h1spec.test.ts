/**
 * The 32 cases of uNetworking's h1spec, told again: what a server must wait for, accept and refuse on an HTTP/1.1 connection. There a
 * server that waits is one that says nothing for half a second; here it must also understand the rest when it comes.
 */
import test from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import type { Balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { rawClient } from '../fixtures/requests/raw.ts'
import type { ExecutionContext } from 'ava'

async function echoing(t: ExecutionContext): Promise<Balancing> {
  const upstream = await httpServer(t, (request, response) => {
    request.setEncoding('latin1')
    let body = ''
    request.on('data', (piece: string) => (body += piece))
    request.on('end', () => response.end(`<${body}>`))
  })
  return balancing(t, { a: upstream.port })
}

const WHOLE = 'GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n'

const waits = test.macro({
  async exec(t, part: string) {
    const { port, url } = await echoing(t)
    const client = await rawClient(t, port)
    client.send(part)
    // A whole exchange that began later is over: the part has long been read.
    t.is((await ask(url)).status, 200)
    t.is((await ask(url)).status, 200)
    t.is(client.text(), '')
    t.false(client.socket.closed)
    t.true(WHOLE.startsWith(part))
    client.send(WHOLE.slice(part.length))
    await client.receives(/^HTTP\/1\.1 200 OK\r\n[^]*<>/)
  },
  title: (what = '') => `waits for the rest: ${what}`,
})

test('of the method', waits, 'G')
test('of the target, before its first character', waits, 'GET ')
test('of the target, in its middle', waits, 'GET /hello')
test('of the request line, behind the target', waits, 'GET /hello ')
test('of the version, in its name', waits, 'GET /hello HTTP')
test('of the line end behind the version', waits, 'GET /hello HTTP/1.1')
test('of the line end, in its middle', waits, 'GET /hello HTTP/1.1\r')
test('of the header, before its first field', waits, 'GET /hello HTTP/1.1\r\n')
test('of the name of a field', waits, 'GET /hello HTTP/1.1\r\nHos')
test('of the value of a field, behind the colon', waits, 'GET /hello HTTP/1.1\r\nHost:')
test('of the value of a field, behind a space', waits, 'GET /hello HTTP/1.1\r\nHost: ')
test('of the value of a field, in its middle', waits, 'GET /hello HTTP/1.1\r\nHost: localhost')
test('of the end of a field, in its middle', waits, 'GET /hello HTTP/1.1\r\nHost: localhost\r')
test('of the end of the header, or another field', waits, 'GET /hello HTTP/1.1\r\nHost: localhost\r\n')
test('of the end of the header, in its middle', waits, 'GET /hello HTTP/1.1\r\nHost: localhost\r\n\r')

const HOST = 'Host: example.com'

const accepted = test.macro({
  async exec(t, lines: readonly string[], answer: RegExp) {
    const { port } = await echoing(t)
    const client = await rawClient(t, port)
    client.send(...lines)
    await client.receives(answer)
    t.false(client.socket.closed)
  },
  title: (what = '') => `accepts ${what}`,
})

test('a request', accepted, ['GET / HTTP/1.1', HOST, '', ''], /^HTTP\/1\.1 200 [^]*<>/)
test(
  'any case of a name, a tab before a value, and no value',
  accepted,
  ['GET / HTTP/1.1', 'hoSt:\texample.com', 'empty:', '', ''],
  /^HTTP\/1\.1 200 /,
)
test('a value of nothing but a space', accepted, ['GET / HTTP/1.1', HOST, 'X-Empty: ', '', ''], /^HTTP\/1\.1 200 /)
test(
  'an expectation to continue',
  accepted,
  ['GET / HTTP/1.1', HOST, 'Expect: 100-continue', '', ''],
  /^HTTP\/1\.1 (?:100|200) /,
)
test(
  'a body as long as it says',
  accepted,
  ['POST / HTTP/1.1', HOST, 'Content-Length: 5', '', 'hello'],
  /^HTTP\/1\.1 200 [^]*<hello>/,
)

const refused = test.macro({
  async exec(t, lines: readonly string[]) {
    const { port } = await echoing(t)
    const client = await rawClient(t, port)
    client.send(...lines)
    t.regex(
      await client.closed,
      /^HTTP\/1\.1 400 Bad Request\r\nConnection: close|^HTTP\/1\.1 400 [^]*\r\nConnection: close/,
    )
  },
  title: (what = '') => `refuses ${what}`,
})

test('a request line without a version', refused, ['GET / ', '', ''])
test('a name with characters that none has', refused, ['GET / HTTP/1.1', HOST, 'X-Invalid[]: test', '', ''])
test('no Host', refused, ['GET / HTTP/1.1', 'Content-Length: 5', '', ''])
test('two Hosts', refused, ['GET / HTTP/1.1', HOST, 'Host: example.org', '', ''])
test('a length far below zero', refused, ['GET / HTTP/1.1', HOST, `Content-Length: -${'123456789'.repeat(3)}`, '', ''])
test('a length below zero', refused, ['GET / HTTP/1.1', HOST, 'Content-Length: -1234', '', ''])
test('a length that is no number', refused, ['GET / HTTP/1.1', HOST, 'Content-Length: abc', '', ''])
test('a control character in a value', refused, ['GET / HTTP/1.1', HOST, 'X-Bad: test\u0007', '', ''])
test('a version that is none', refused, ['GET / HTTP/9.9', HOST, '', ''])
test('words before the method', refused, ['Extra lineGET / HTTP/1.1', HOST, '', ''])
test('a carriage return alone', refused, ['GET / HTTP/1.1', HOST, '\rSome-Header: Test', '', ''])
test('chunks beside a length', refused, [
  'GET / HTTP/1.1',
  HOST,
  'Transfer-Encoding: chunked',
  'Content-Length: 5',
  '',
  '',
])
