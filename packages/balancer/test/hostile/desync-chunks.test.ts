/** The rest of http-desync-guardian's cases: chunks that don't end where they seem to, and all that must still pass. */
import test from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { rawClient } from '../fixtures/requests/raw.ts'

const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = ['POST /shown HTTP/1.1', 'Host: a']
const CHUNKED = 'Transfer-Encoding: chunked'
const LENGTH = 'Content-Length: 3'

// What another server could take for an end of a chunk.
const BODIES: readonly (readonly [what: string, body: string])[] = [
  ['a size below zero', '-1\r\nabc\r\n'],
  ['a size with a prefix', '0x3\r\nabc\r\n'],
  ['a size with a sign', '+3\r\nabc\r\n'],
  ['a size in front of which a space stands', ' 3\r\nabc\r\n'],
  ['a size behind which a space stands', '3 \r\nabc\r\n'],
  ['a size beyond 64 bits', '10000000000000003\r\nabc\r\n'],
  ['no size', '\r\nabc\r\n'],
  ['a size that ends with a bare line feed', '3\nabc\r\n'],
  ['a size that ends with a bare carriage return', '3\rabc\r\n'],
  ['a chunk that ends with a bare line feed', '3\r\nabc\n0\r\n\r\n'],
  ['a chunk that ends with a bare carriage return', '3\r\nabc\r0\r\n\r\n'],
  ['a chunk that is longer than it says', '3\r\nabcd\r\n0\r\n\r\n'],
  ['a chunk that does not end', '3\r\nabc0\r\n\r\n'],
  ['an extension with a bare line feed', '3;a=b\nabc\r\n0\r\n\r\n'],
  ['an extension with a control character', '3;a=\u0001\r\nabc\r\n0\r\n\r\n'],
  ['a trailer with a space before its colon', '0\r\nX-Other : 1\r\n\r\n'],
  ['a trailer that is folded', '0\r\nX-Other: 1\r\n 2\r\n\r\n'],
  ['an end with a bare line feed', '3\r\nabc\r\n0\r\n\n'],
]
for (const [what, body] of BODIES) {
  test(`chunks: ${what}`, async (t) => {
    const upstream = await httpServer(t, (request, response) => request.resume().on('end', () => response.end()))
    const { port } = await balancing(t, { a: upstream.port })
    const client = await rawClient(t, port)
    client.send(...POST, CHUNKED, '', `${body}${HIDDEN}`)
    t.regex(await client.closed, /^HTTP\/1\.1 400 [^]*\r\nConnection: close\r\n/)
    t.true(upstream.requests.every(({ url, complete }) => url === '/shown' && !complete))
  })
}

const passed = test.macro({
  async exec(t, lines: readonly string[], url: string = '/shown', body: string = '') {
    const upstream = await httpServer(t, (request, response) => {
      let received = ''
      request.setEncoding('latin1').on('data', (piece: string) => (received += piece))
      request.on('end', () => response.end(`<${request.url} ${received}>`))
    })
    const { port } = await balancing(t, { a: upstream.port })
    const client = await rawClient(t, port)
    client.send(...lines)
    const [whole] = await client.receives(/^HTTP\/1\.1 200 [^]*<[^]*>/)
    t.true(whole.endsWith(`<${url} ${body}>`), whole)
    client.send('GET /next HTTP/1.1', 'Host: a', '', '')
    await client.receives(/<\/next >/)
  },
  title: (what = '') => `passes: ${what}`,
})

const CHUNKS = ['', '3', 'abc', '0', '', '']
test('no field but Host', passed, ['GET /shown HTTP/1.1', 'Host: a', '', ''])
test('chunks', passed, [...POST, CHUNKED, ...CHUNKS], '/shown', 'abc')
test(
  'chunks, in capitals and with white space around',
  passed,
  [...POST, 'Transfer-Encoding: \t CHUNKED  ', ...CHUNKS],
  '/shown',
  'abc',
)
test('chunks with extensions', passed, [...POST, CHUNKED, '', '3;a="b";c', 'abc', '0', '', ''], '/shown', 'abc')
test(
  'chunks whose sizes begin with zeros',
  passed,
  [...POST, CHUNKED, '', '0003', 'abc', '000', '', ''],
  '/shown',
  'abc',
)
test('a length', passed, [...POST, LENGTH, '', 'abc'], '/shown', 'abc')
test('a length with white space around', passed, [...POST, 'Content-Length:  3  ', '', 'abc'], '/shown', 'abc')
test('GET with a length of zero', passed, ['GET /shown HTTP/1.1', 'Host: a', 'Content-Length: 0', '', ''])
test(
  'a value beyond ASCII',
  passed,
  [...POST, LENGTH, 'X-Other: \t\u0060\u0085\u0093\u00a0', '', 'abc'],
  '/shown',
  'abc',
)
test('a name of every character that one may have', passed, [
  'GET /shown HTTP/1.1',
  'Host: a',
  "X-Other.!#$%&'*+^_`|~0123456789: 1",
  'My_Own: 1',
  '',
  '',
])
test('framing inside a value', passed, [...POST, LENGTH, `X-Other: ${CHUNKED}`, '', 'abc'], '/shown', 'abc')
test(
  'very many fields',
  passed,
  [...POST, ...Array.from({ length: 100 }, (_, index) => `X-${index}: ${'v'.repeat(50)}`), LENGTH, '', 'abc'],
  '/shown',
  'abc',
)
const ESCAPED = '/a-%09-%20-%0D-%0A?b=%dd'
test('a target with all that is dangerous escaped', passed, [`GET ${ESCAPED} HTTP/1.1`, 'Host: a', '', ''], ESCAPED)
const ODD = "/u:p@www.example.com:8080/i.php?a=l%20++~!@$%^&*()_+:?,./;'[]{}`~|&p=i"
test('a target with every other character', passed, [`GET ${ODD} HTTP/1.1`, 'Host: a', '', ''], ODD)
test('empty lines before a request', passed, ['', '', 'GET /shown HTTP/1.1', 'Host: a', '', ''])
