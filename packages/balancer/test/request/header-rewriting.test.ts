import test from 'ava'
import { answerHeaders, requestHeaders } from '../../src/request/header-rewriting.ts'

const CLIENT = { address: '192.0.2.7', secure: false, trusted: false }
const FORWARDING = { client: CLIENT, host: 'shop.example:8080', requestId: 'id-1', websocket: false }
const WRITTEN_ANEW = {
  host: 'shop.example:8080',
  'x-forwarded-for': '192.0.2.7',
  'x-forwarded-host': 'shop.example:8080',
  'x-forwarded-proto': 'http',
  forwarded: 'for=192.0.2.7;host="shop.example:8080";proto=http',
  'x-request-id': 'id-1',
}

test('end-to-end fields pass, hop-by-hop fields end here', (t) => {
  const received = {
    host: 'shop.example:8080',
    accept: 'text/html',
    cookie: 'a=1; b=2',
    'idempotency-key': 'k',
    connection: 'close, X-Internal , te',
    'x-internal': 'named by Connection',
    'keep-alive': 'timeout=5',
    te: 'trailers',
    trailer: 'x-sum',
    expect: '100-continue',
    upgrade: 'h2c',
    'http2-settings': 'AAMAAABkAAQAoAAAAAIAAAAA',
    'proxy-authorization': 'Basic eA==',
    'proxy-connection': 'keep-alive',
    proxy: 'http://evil.example',
  }
  t.deepEqual(requestHeaders(received, FORWARDING), {
    ...WRITTEN_ANEW,
    accept: 'text/html',
    cookie: 'a=1; b=2',
    'idempotency-key': 'k',
  })
})

test('what a client says about forwarding and request ids is dropped', (t) => {
  const received = {
    host: 'shop.example:8080',
    forwarded: 'for=127.0.0.1',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-port': '443',
    'x-forwarded-proto': 'https',
    'x-forwarded-prefix': '/admin',
    'x-real-ip': '127.0.0.1',
    'x-request-id': 'mine',
    connection: 'x-forwarded-for, forwarded, x-request-id',
  }
  t.deepEqual(requestHeaders(received, FORWARDING), WRITTEN_ANEW)
})

test('a body keeps its framing, whatever Connection names', (t) => {
  const long = requestHeaders({ 'content-length': '5', connection: 'content-length, host' }, FORWARDING)
  t.deepEqual(long, { ...WRITTEN_ANEW, 'content-length': '5' })
  const chunked = requestHeaders({ 'transfer-encoding': 'Chunked', connection: 'transfer-encoding' }, FORWARDING)
  t.deepEqual(chunked, { ...WRITTEN_ANEW, 'transfer-encoding': 'chunked' })
})

test('an IPv6 client is quoted, and a host that was not named is not made up', (t) => {
  const headers = requestHeaders({}, { ...FORWARDING, client: { ...CLIENT, address: '2001:db8::1' }, host: undefined })
  t.deepEqual(headers, {
    'x-forwarded-for': '2001:db8::1',
    'x-forwarded-proto': 'http',
    forwarded: 'for="[2001:db8::1]";proto=http',
    'x-request-id': 'id-1',
  })
})

test('an upgrade to WebSocket is asked for anew', (t) => {
  const received = { connection: 'keep-alive, Upgrade', upgrade: 'WebSocket', 'sec-websocket-key': 'k' }
  t.deepEqual(requestHeaders(received, { ...FORWARDING, websocket: true }), {
    ...WRITTEN_ANEW,
    'sec-websocket-key': 'k',
    connection: 'Upgrade',
    upgrade: 'websocket',
  })
})

test('an answer keeps its order, spelling and repetitions, and loses what is hop-by-hop', (t) => {
  const fields = [
    'Content-Type: text/plain',
    'Set-Cookie: a=1',
    'Set-Cookie: b=2',
    'Connection: x-private,close',
    'X-Private: y',
    'Keep-Alive: timeout=5',
    'Trailer: X-Sum',
    'Transfer-Encoding: chunked',
    'Proxy-Authenticate: Basic',
    'X-Request-Id: theirs',
    'ETag: "1"',
  ]
  const add = { requestId: 'ours', fields: ['Set-Cookie', 'c=3'], connection: 'close' } as const
  const raw = fields.flatMap((field) => field.split(': '))
  const kept = 'Content-Type: text/plain, Set-Cookie: a=1, Set-Cookie: b=2, ETag: "1"'
  const added = 'X-Request-Id: ours, Set-Cookie: c=3, Connection: close'
  t.deepEqual(answerHeaders(raw, 'x-private,close', add), `${kept}, ${added}`.split(/: |, /))
})
