/** What comes before an answer, and behind it: 103 Early Hints, and trailers. */
import { request as open } from 'node:http'
import type { IncomingMessage, InformationEvent } from 'node:http'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { answerTo } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { rawClient, rawServer } from '../fixtures/requests/raw.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const GET = ['GET / HTTP/1.1', 'Host: a', '', '']

function hint(number: number): string {
  return `HTTP/1.1 103 Early Hints\r\nLink: </${number}.css>; rel=preload\r\n\r\n`
}

async function through(t: ExecutionContext, answer: string): Promise<number> {
  const upstream = await rawServer(t, (socket, received) => {
    if (received.endsWith('\r\n\r\n')) socket.write(answer)
  })
  return (await balancing(t, { a: upstream.port })).port
}

test('early hints come as they were sent, before the answer', async (t) => {
  const upstream = await httpServer(t, (_request, response) => {
    response.writeEarlyHints({ link: ['</a.css>; rel=preload', '</b.js>; rel=preload'], 'x-own': 'é' })
    response.end('ok')
  })
  const { url } = await balancing(t, { a: upstream.port })
  for (let count = 0; count < 2; count += 1) {
    const request = open(url, { agent: false })
    const hints: InformationEvent[] = []
    request.on('information', (information) => hints.push(information))
    const answer = answerTo(request)
    request.end()
    t.is((await answer).body.toString(), 'ok')
    t.deepEqual(
      hints.map(({ statusCode, headers }) => [statusCode, headers['link'], headers['x-own']]),
      [[103, '</a.css>; rel=preload, </b.js>; rel=preload', 'é']],
    )
  }
})

test('an interim answer loses what is hop-by-hop, and any length', async (t) => {
  const fields = 'Connection: X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=1\r\nX-Kept: 1\r\n'
  const port = await through(t, `HTTP/1.1 103 Hints Of Mine\r\n${fields}\r\n${OK}`)
  const client = await rawClient(t, port)
  client.send(...GET)
  await client.receives(/^HTTP\/1\.1 103 Early Hints\r\nX-Kept: 1\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*ok$/)
  t.pass()
})

test('a 100 that was not asked for does not reach the client, and its node goes on being used', async (t) => {
  const port = await through(t, `HTTP/1.1 100 Continue\r\n\r\n${OK}`)
  // Over undici one answer is lost on the way to finding out.
  const statuses: string[] = []
  for (let count = 0; count < 3; count += 1) {
    const client = await rawClient(t, port)
    client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '', '')
    statuses.push((await client.closed).slice(9, 12))
  }
  t.deepEqual(statuses, process.env['TRANSPORT'] === 'undici' ? ['502', '200', '200'] : ['200', '200', '200'])
})

test('an HTTP/1.0 client gets none, and of very many only some pass', async (t) => {
  const port = await through(t, Array.from({ length: 100 }, (_, index) => hint(index)).join('') + OK)
  const old = await rawClient(t, port)
  old.send('GET / HTTP/1.0', '', '')
  t.regex(await old.closed, /^HTTP\/1\.1 200 /)
  const client = await rawClient(t, port)
  client.send(...GET)
  const { input } = await client.receives(/ok$/)
  t.deepEqual(
    input.match(/(?<=<\/)\d+/g),
    Array.from({ length: 16 }, (_, index) => String(index)),
  )
})

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\n'
const TRAILED = `${CHUNKED}X-Sum: 7\r\nContent-Encoding: gzip\r\nSet-Cookie: a=1\r\nX-Sum: e\r\n\r\n`

test('trailers pass to a client that says that it takes them, but for those that can be none', async (t) => {
  const port = await through(t, TRAILED)
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.1', 'Host: a', 'TE: gzip;q=0.5, Trailers', 'Connection: TE', '', '')
  const { input } = await client.receives(/\r\n0\r\n[^]*\r\n\r\n$/)
  t.regex(input, /\r\nTrailer: X-Sum\r\n[^]*\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\nX-Sum: e\r\n\r\n$/)
  client.send(...GET)
  await client.receives(/X-Sum: e\r\n\r\nHTTP\/1\.1 200 [^]*\r\n0\r\n\r\n$/)
})

test('to others they are dropped, and so is their announcement', async (t) => {
  const port = await through(t, TRAILED)
  for (const lines of [
    GET,
    ['GET / HTTP/1.1', 'Host: a', 'TE: gzip', '', ''],
    ['GET / HTTP/1.0', 'TE: trailers', '', ''],
  ]) {
    const client = await rawClient(t, port)
    client.send(...lines)
    const { input } = await client.receives(/ok(?:\r\n0\r\n\r\n)?$/)
    t.notRegex(input, /x-sum/i)
  }
})

test('an answer that announces trailers and can have none is still an answer', async (t) => {
  const heads = [
    'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 204 No Content\r\nTrailer: X-Sum\r\n\r\n',
    'HTTP/1.1 304 Not Modified\r\nTrailer: X-Sum\r\n\r\n',
  ]
  for (const head of heads) {
    const client = await rawClient(t, await through(t, head))
    client.send('GET / HTTP/1.1', 'Host: a', 'TE: trailers', '', '')
    const { input } = await client.receives(/\r\n\r\n/)
    t.is(input.slice(0, 12), head.slice(0, 12))
    t.notRegex(input, /x-sum/i)
  }
  const client = await rawClient(
    t,
    await through(t, 'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n'),
  )
  client.send('HEAD / HTTP/1.1', 'Host: a', 'TE: trailers', '', '')
  await client.receives(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/)
})

test('the node is told that trailers are taken, and only then', async (t) => {
  const told: IncomingMessage['headers'][] = []
  const upstream = await httpServer(t, ({ headers }, response) => {
    told.push(headers)
    response.end()
  })
  const { url } = await balancing(t, { a: upstream.port })
  for (const te of ['trailers', 'gzip']) await answerTo(open(url, { agent: false, headers: { te } }).end())
  t.deepEqual(
    told.map(({ te, connection }) => [te, connection]),
    [
      ['trailers', 'TE'],
      [undefined, 'keep-alive'],
    ],
  )
})
