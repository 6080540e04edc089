/**
 * The cases of AWS's http-desync-guardian, told again: requests of which two servers in a row could believe different things about
 * where they end. What it calls severe or ambiguous is refused here, and what hides behind it reaches nobody, or, where the
 * end is beyond doubt and only its meaning is not, passes as its connections' last. What it tolerates for the sake of old
 * clients is refused too: a front for a few nodes of one's own has none.
 */
import test from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { rawClient } from '../fixtures/requests/raw.ts'

const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = ['POST /shown HTTP/1.1', 'Host: a']
const CHUNKED = 'Transfer-Encoding: chunked'
const LENGTH = 'Content-Length: 3'

const refused = test.macro({
  async exec(t, lines: readonly string[], status: number = 400) {
    const upstream = await httpServer(t, (_request, response) => response.end())
    const { port, url } = await balancing(t, { a: upstream.port })
    const warm = await ask(url, { headers: { connection: 'keep-alive' } })
    t.is(warm.status, 200)
    const client = await rawClient(t, port)
    client.send(...lines, '', `0\r\n\r\n${HIDDEN}`)
    const answer = await client.closed
    t.regex(answer, new RegExp(`^HTTP/1\\.1 ${status} [^]*\\r\\nConnection: close\\r\\n`))
    t.is(answer.match(/HTTP\/1\.1 \d/g)?.length, 1)
    t.is(upstream.requests.length, 1)
  },
  title: (what = '') => `refused: ${what}`,
})

// One name that isn't quite the other's.
const NAMES: readonly (readonly [what: string, name: string])[] = [
  ['a trailing space', 'Transfer-Encoding '],
  ['a trailing tab', 'Transfer-Encoding\t'],
  ['a leading space', ' Transfer-Encoding'],
  ['a control character in front', '\u0001Transfer-Encoding'],
  ['two control characters in front', '\u0001\u0001Transfer-Encoding'],
  ['a control character behind', 'Transfer-Encoding\u0001'],
  ['a space inside', 'Transfer- Encoding'],
  ['an underscore', 'Transfer_Encoding'],
  ['several hyphens', 'Transfer---Encoding'],
  ['several underscores', 'Transfer___Encoding'],
  ['a word behind', 'Transfer-Encoding x'],
  ['words behind, in small letters', 'transfer-encoding XY'],
  ['a control character behind a space', 'Transfer-Encoding \u0001'],
  ['a long s', 'Tran\u00c5\u00bffer-Encoding'],
  ['a dotless i', 'Transfer-Encod\u00c4\u00b1ng'],
  ['wide spaces in front', '\u00e2\u0080\u0083Transfer-Encoding'],
  ['a wide dash', 'Transfer\u00e2\u0080\u0095Encoding'],
  ['a byte beyond ASCII behind', 'Transfer-Encoding\u0088'],
  ['a zero byte in front', '\u0000Transfer-Encoding'],
  ['a carriage return in front', '\rTransfer-Encoding'],
]
for (const [what, name] of NAMES) {
  test(`Transfer-Encoding with ${what}`, refused, [...POST, `${name}: chunked`])
  test(`Transfer-Encoding with ${what}, beside a length`, refused, [...POST, `${name}: chunked`, LENGTH])
}
for (const [what, name] of [
  ['a trailing space', 'Content-Length '],
  ['a leading space', ' Content-Length'],
  ['a control character in front', '\u0001Content-Length'],
  ['two control characters in front', '\u0001\u0001Content-Length'],
  ['a control character behind', 'Content-Length\u0001'],
  ['an underscore', 'Content_Length'],
  ['wide spaces behind', 'Content-Length\u00e2\u0080\u0083'],
  ['a byte beyond ASCII in front', '\u00a0Content-Length'],
  ['a carriage return in front', '\rContent-Length'],
] as const) {
  test(`Content-Length with ${what}`, refused, [...POST, `${name}: 3`])
  test(`Content-Length with ${what}, beside a proper one`, refused, [...POST, `${name}: 3`, 'Content-Length: 5'])
}

test('no name', refused, [...POST, ': chunked', LENGTH])
test('a name that begins with a colon', refused, [...POST, ':Some:Transfer-Encoding: chunked', LENGTH])
test('a name of nothing but white space', refused, [...POST, '  \t : chunked', LENGTH])
test('a Host with an underscore for nothing', refused, [...POST, 'Host: b', LENGTH])

// More than one length, or one that is none.
test('two lengths', refused, [...POST, 'Content-Length: 3', 'Content-Length: 5'])
test('the same length twice', refused, [...POST, LENGTH, LENGTH])
for (const value of [
  '3,3',
  '3, 3',
  '3 3',
  '3.3',
  '3;',
  '+3',
  '-3',
  '0x3',
  '3e0',
  '',
  '$3',
  '\u00013',
  '3\u0001',
  '3\u0011',
  '3\u00a0',
  '18446744073709551616',
  '99999999999999999999999999',
]) {
  test(`Content-Length: ${JSON.stringify(value)}`, refused, [...POST, `Content-Length: ${value}`])
}
test('a length that fits in 64 bits and nowhere else', refused, [...POST, 'Content-Length: 18446744073709551615'], 413)

// Chunks and something else, or what only looks like chunks.
test('chunks and a length', refused, [...POST, CHUNKED, LENGTH])
test('a length and chunks', refused, [...POST, LENGTH, CHUNKED])
test('chunks and a length of zero', refused, [...POST, CHUNKED, 'Content-Length: 0'])
test('another coding and a length', refused, [...POST, 'Transfer-Encoding: gzip', LENGTH])
test('no coding and a length', refused, [...POST, 'Transfer-Encoding: identity', LENGTH])
test('chunked twice, in two fields', refused, [...POST, CHUNKED, CHUNKED])
test('chunked twice, in two fields, and a length', refused, [...POST, CHUNKED, CHUNKED, LENGTH])
test('chunks in HTTP/1.0', refused, ['POST /shown HTTP/1.0', 'Host: a', CHUNKED])
test('chunks in HTTP/1.0, kept alive', refused, ['POST /shown HTTP/1.0', 'Connection: keep-alive', CHUNKED])
for (const value of [
  'xchunked',
  'chunk',
  'identity',
  'chunked, identity',
  'chunked,chunked',
  'chunked\u0001',
  '\u0001chunked',
  'chunked\u0011',
  'chunked\u007f',
  'chunked\u0080',
  'chunked\u00a0',
  '\u00a0chunked',
  '"chunked"',
  "'chunked'",
  'chunked;x=1',
  'cow',
  '',
]) {
  test(`Transfer-Encoding: ${JSON.stringify(value)}`, refused, [...POST, `Transfer-Encoding: ${value}`])
}
for (const value of ['gzip, chunked', 'gzip , deflate , \tidentity\t, compress\t, chunked', ', chunked']) {
  test(`Transfer-Encoding: ${JSON.stringify(value)}`, refused, [...POST, `Transfer-Encoding: ${value}`], 501)
}

// Fields that are folded or cut by what ends a line for others.
for (const value of [
  'one\r\n two',
  'one\n two',
  'one\ntwo',
  'one\rtwo',
  'one\n Transfer-Encoding: chunked',
  'one\rTransfer-Encoding: chunked',
  'one\rContent-Length: 9',
  '\u0000one',
  'one\u0000two',
  'one\u0000',
  '\u0001one',
  'one\u0012',
]) {
  test(`X-Other: ${JSON.stringify(value)}`, refused, [...POST, LENGTH, `X-Other: ${value}`])
}
for (const name of ['X-Other\r', 'X-Other\n', 'X-Other\u0000', '\u0000X-Other', 'X-Other\u0001', 'X-Other ']) {
  test(`${JSON.stringify(name)}: 1`, refused, [...POST, LENGTH, `${name}: 1`])
}
test('a bare line feed at the end of a field', refused, [...POST, 'X-Other: 1\nContent-Length: 3'])
test('a bare line feed at the end of the request line', refused, ['POST /shown HTTP/1.1\nHost: a', LENGTH])
test('a header of bare line feeds', refused, [`POST /shown HTTP/1.1\nHost: a\n${LENGTH}\n\nabc`])

// Request lines.
for (const line of [
  'bad_method\u0001 /shown HTTP/1.1',
  'GET /a\tHTTP/1.1 HTTP/1.1',
  'GET /a\u0001HTTP/1.1 HTTP/1.1',
  'GET /a?b=not escaped HTTP/1.1',
  'GET /a HTTP/1.1 HTTP/1.1',
  'GET /a\rHTTP/1.1 HTTP/1.1',
  'GET /a\nHTTP/1.1 HTTP/1.1',
  'GET /a\tHTTP/1.1\r\nHost:a\r\n\r\nGET\t/b\t HTTP/1.1',
  'GET /a\u0000HTTP/1.1 HTTP/1.1',
  'GET \u0000/aHTTP/1.1 HTTP/1.1',
  'GET  HTTP/1.1',
  'GET /shown HTTP/1.1 ',
  'GET /shown HTTP/1.2',
  'GET /shown HTTP/1.10',
  'GET /shown HTTP/01.1',
  'GET /shown http/1.1',
  'GET /shown HTTP/1,1',
  'GET /shown ',
  ' GET /shown HTTP/1.1',
  'get /shown HTTP/1.1',
]) {
  test(JSON.stringify(line), refused, [line, 'Host: a'])
}
test('HTTP/0.9, spelled out', refused, ['GET /shown HTTP/0.9', 'Host: a'], 505)
test('no version, as in HTTP/0.9', refused, ['GET /shown', 'Host: a'], 505)
test('HTTP/2.0', refused, ['GET /shown HTTP/2.0', 'Host: a'], 505)

test('too many fields are refused rather than cut off, because one may be a second Host', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end())
  const { port } = await balancing(t, { a: upstream.port }, { CLIENT_HEADER_BYTES_MAX: '65536' })
  for (const tail of ['Host: b', CHUNKED, 'Content-Length: 40']) {
    const client = await rawClient(t, port)
    client.send('POST /shown HTTP/1.1', 'Host: a', ...Array<string>(2_000).fill('X: 1'), tail, '', HIDDEN)
    t.regex(await client.closed, /^HTTP\/1\.1 431 /)
  }
  t.is(upstream.requests.length, 0)
})
