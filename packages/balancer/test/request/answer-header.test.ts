/** How long the header of a node's answer may be: a longer one is junk, over either transport. */
import test from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { rawClient, rawServer } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

/** A field of so many bytes, with its name. */
function field(bytes: number): object {
  return { 'x-long': 'x'.repeat(bytes - 'x-long'.length) }
}

test('by default 16 KiB, and beyond it the node is left for another or the client gets 502', async (t) => {
  const long = await httpServer(t, (_request, response) => response.writeHead(200, { ...field(16_384) }).end('long'))
  const other = await httpServer(t, (_request, response) => response.writeHead(200, { ...field(15_000) }).end('other'))
  const { url, adminUrl } = await balancing(t, { a: long.port, b: other.port }, { PROBE_INTERVAL_MS: '60000' })
  const answers = await Promise.all(['one', 'two'].map(() => ask(url)))
  t.deepEqual(
    answers.map(({ body }) => body.toString()),
    ['other', 'other'],
  )
  t.is(long.requests.length, 1)
  const metrics = (await ask(`${adminUrl}/metrics`)).body.toString()
  t.regex(metrics, /attempts_total\{upstream="a",outcome="junk"\} 1\n/)
  const alone = await balancing(t, { a: long.port })
  t.is((await ask(alone.url, { method: 'POST' })).status, 502)
})

test('the bound is a setting', async (t) => {
  const upstream = await httpServer(t, (request, response) => {
    response.writeHead(200, { ...field(Number(request.url?.slice(1))) }).end()
  })
  const { url } = await balancing(t, { a: upstream.port }, { ANSWER_HEADER_BYTES_MAX: '2000' })
  const statusOf = async (bytes: number) => (await ask(`${url}/${bytes}`, { method: 'POST' })).status
  t.deepEqual([await statusOf(1_500), await statusOf(2_001)], [200, 502])
  const wide = await balancing(t, { a: upstream.port }, { ANSWER_HEADER_BYTES_MAX: '65536' })
  const passed = await ask(`${wide.url}/60000`, { method: 'POST', maxHeaderSize: 100_000 })
  t.is(passed.headers['x-long']?.length, 60_000 - 'x-long'.length)
})

test('however many fields it has, none is lost', async (t) => {
  const fields = Array.from({ length: 2_500 }, (_, index) => `${index}:1\r\n`).join('')
  const upstream = await rawServer(
    t,
    (socket) => void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${fields}\r\n`),
  )
  const { port } = await balancing(t, { a: upstream.port }, { ANSWER_HEADER_BYTES_MAX: '65536' })
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.1', 'Host: a', '', '')
  await until(() => client.text().includes('\r\n\r\n'), { what: 'the answer' })
  t.is(client.text().match(/\r\n\d+: ?1(?=\r\n)/g)?.length, 2_500)
})
