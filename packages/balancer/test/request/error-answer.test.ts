import test from 'ava'
import { errorAnswer, errorBytes } from '../../src/request/error-answer.ts'

test('an error is JSON with its code, a message and the request id', (t) => {
  const { status, headers, body } = errorAnswer('BAD_GATEWAY', { requestId: 'id-1' })
  t.is(status, 502)
  t.deepEqual(JSON.parse(body), {
    error: {
      code: 'BAD_GATEWAY',
      message: 'The server that had this request failed before it answered.',
      requestId: 'id-1',
    },
  })
  t.is(headers[headers.indexOf('Content-Type') + 1], 'application/json; charset=utf-8')
  t.is(headers[headers.indexOf('X-Request-Id') + 1], 'id-1')
  t.false(headers.includes('Retry-After'))
})

test('503 says when to come back', (t) => {
  const { headers } = errorAnswer('UNAVAILABLE', { requestId: 'id-1' })
  t.is(headers[headers.indexOf('Retry-After') + 1], '1')
})

test('an unsafe request that reached a server may have been carried out, and the answer says so', (t) => {
  t.regex(errorAnswer('GATEWAY_TIMEOUT', { requestId: 'i', mayHaveActed: true }).body, /It may have been carried out\./)
})

const formats = test.macro({
  exec(t, accept: string | undefined, format: 'json' | 'plain') {
    const { headers, body } = errorAnswer('UNAVAILABLE', { requestId: 'id-1', accept })
    t.regex(headers[headers.indexOf('Content-Type') + 1] ?? '', new RegExp(format))
    if (format === 'plain') t.regex(body, /^503 Service Unavailable: .*id-1\)\n$/)
  },
  title: (_given, accept, format) => `Accept ${String(accept)} gets ${String(format)}`,
})

test(formats, undefined, 'json')
test(formats, '*/*', 'json')
test(formats, 'application/json', 'json')
test(formats, 'text/plain;q=0.5, application/json', 'json')
test(formats, 'text/plain, */*', 'json')
test(formats, 'nonsense', 'json')
test(formats, 'text/plain', 'plain')
test(formats, 'Text/HTML;level=1', 'plain')
test(formats, 'application/json;q=0.3, text/plain;q=0.7', 'plain')
test(formats, 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'plain')

test('as bytes it is a whole answer, and the last', (t) => {
  const [head = '', body = ''] = errorBytes('BAD_REQUEST', { requestId: 'id-1' }).split('\r\n\r\n')
  t.regex(head, /^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n/)
  t.is(Number(/Content-Length: (\d+)/.exec(head)?.[1]), Buffer.byteLength(body))
})
