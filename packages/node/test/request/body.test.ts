import { Agent, request } from 'node:http'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { BODY_BYTES_MAX } from '../../src/request/body.ts'
import { client, errorCode } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

for (const payload of ['{"name":"user-0"', 'name=user-0', '"user-0"', '{"__proto__":{"admin":true}}', ' ']) {
  test(`a body that is not a JSON object is 400: ${payload}`, async (t) => {
    const answer = await client((await shopServer(t)).url).send('POST', '/api/login', payload)
    t.is(answer.status, 400)
    t.is(errorCode(answer), 'NOT_JSON')
  })
}

test('a body of another type is 415', async (t) => {
  const visitor = client((await shopServer(t)).url)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', '']) {
    const answer = await visitor.send('POST', '/api/login', '{}', { 'Content-Type': type })
    t.is(answer.status, 415, type)
    t.is(errorCode(answer), 'NOT_JSON_TYPE')
  }
})

test('a body in an unknown encoding is 415, and a malformed one is 400', async (t) => {
  const visitor = client((await shopServer(t)).url)
  const unknown = await visitor.send('POST', '/api/login', '{}', { 'Content-Encoding': 'rot13' })
  t.is(unknown.status, 415)
  t.is(errorCode(unknown), 'ENCODING_UNSUPPORTED')
  const untrue = await visitor.send('POST', '/api/login', '{}', { 'Content-Encoding': 'gzip' })
  t.is(untrue.status, 400)
})

test('no body at all is 422 where one is wanted', async (t) => {
  const answer = await client((await shopServer(t)).url).send('POST', '/api/login')
  t.is(answer.status, 422)
})

test('a body may be just as large as the bound', async (t) => {
  const credentials = JSON.stringify({ name: 'user-0', password: 'password-0' })
  const visitor = client((await shopServer(t)).url)
  t.is((await visitor.send('POST', '/api/login', credentials.padEnd(BODY_BYTES_MAX))).status, 200)
  const answer = await visitor.send('POST', '/api/login', credentials.padEnd(BODY_BYTES_MAX + 1))
  t.is(answer.status, 413)
  t.is(errorCode(answer), 'BODY_TOO_LARGE')
})

test('a small body that unpacks to a large one is 413', async (t) => {
  const { url } = await shopServer(t)
  const response = await fetch(`${url}/api/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' },
    body: gzipSync(' '.repeat(10_000_000)),
  })
  t.is(response.status, 413)
})

for (const [how, headers] of [
  ['told by its length', { 'Content-Length': '200000' }],
  ['in chunks', { 'Transfer-Encoding': 'chunked' }],
] as const) {
  test(`after a body that was too large, ${how}, the connection serves the next request`, async (t) => {
    const { url } = await shopServer(t)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    t.teardown(() => agent.destroy())
    const large = request(`${url}/api/login`, {
      method: 'POST',
      agent,
      headers: { 'Content-Type': 'application/json', ...headers },
    })
    for (let part = 0; part < 20; part++) large.write(' '.repeat(10_000))
    large.end()
    const [refused] = await once(large, 'response')
    t.is(refused.statusCode, 413)
    await text(refused)

    const next = request(`${url}/healthz`, { agent }).end()
    const [alive] = await once(next, 'response')
    t.is(alive.statusCode, 200)
    t.true(next.reusedSocket)
    await text(alive)
  })
}
