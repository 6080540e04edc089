/** What the users make of answers that are not the shop's own. */
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { Client } from '../../src/users/client.ts'
import { CookieJar } from '../../src/users/cookie-jar.ts'
import { outcomeOf } from '../../src/users/outcome.ts'
import { until } from '../../src/wait.ts'
import { testShop } from '../fixtures/shop.ts'

const ends = test.macro(async (t, status: number, text: string, change: object) => {
  const shop = await testShop(t)
  shop.meddle = (_request, response) => {
    response.writeHead(status).end(text)
    return true
  }
  const client = new Client(shop.url)
  t.teardown(() => client.close())
  const reply = await client.call({ method: 'POST', path: '/api/cart', body: { sku: 'a' } }, new CookieJar())
  t.like(outcomeOf(reply, true), change)
})

const broken = test.macro(async (t, kind: string, timeoutMs: number, isCut: boolean) => {
  const shop = await testShop(t)
  shop.meddle = (request, response) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('{', () => isCut && request.socket.destroy())
    return true
  }
  const client = new Client(shop.url, timeoutMs)
  t.teardown(() => client.close())
  const reply = await client.call({ method: 'GET', path: '/api/cart' }, new CookieJar())
  t.deepEqual(reply, { end: 'broken', kind })
})

test('an answer that begins and does not end is late', broken, 'timeout', 500, false)
test('an answer that begins and breaks off is cut off', broken, 'cut off', 30_000, true)

/** Counts the requests that came in the first number, and those that it answered in the second. */
const ANSWERS_LATER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const answer = (request, response) => {
    Atomics.add(workerData, 0, 1)
    setTimeout(() => {
      response.end('{}', () => {
        Atomics.add(workerData, 1, 1)
        Atomics.notify(workerData, 1)
      })
    }, 50)
  }
  const server = require('node:http').createServer(answer)
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`

test('an answer that came while the client stood still is no timeout', async (t) => {
  const timeoutMs = 3_000
  const counts = new Int32Array(new SharedArrayBuffer(8))
  const server = new Worker(ANSWERS_LATER, { eval: true, workerData: counts })
  t.teardown(() => server.terminate())
  const [port] = (await once(server, 'message')) as [number]
  const client = new Client(new URL(`http://127.0.0.1:${port}`), timeoutMs)
  t.teardown(() => client.close())
  const reply = client.call({ method: 'GET', path: '/api/cart' }, new CookieJar())
  const sentAtMs = performance.now()
  await until(() => Atomics.load(counts, 0) > 0, { deadlineMs: timeoutMs, what: 'the request to come' })
  // Stands still until the answer has come and its time is over, where timers come before sockets in the next turn.
  await setImmediate()
  Atomics.wait(counts, 1, 0, 60_000)
  const never = new Int32Array(new SharedArrayBuffer(4))
  Atomics.wait(never, 0, 0, sentAtMs + 1.1 * timeoutMs - performance.now())
  t.is(Atomics.load(counts, 1), 1)
  t.like(await reply, { end: 'answered', status: 200 })
})

test('a 401 in plain words is a 401', ends, 401, 'Unauthorized', { end: 'failed', kind: 'logged-out' })
test('a refusal in plain words changed nothing', ends, 404, 'Cannot POST', { end: 'failed', kind: '404' })
test('a page of a proxy is an error with its status', ends, 502, '<h1>Bad Gateway</h1>', {
  end: 'unknown',
  kind: '502',
})
test('a 200 without JSON is unknown', ends, 200, '<p>', { end: 'unknown', kind: 'not JSON' })
test("an error's code is recorded", ends, 422, '{"error":{"code":"BAD_SKU"}}', { kind: '422 BAD_SKU' })
test('prose is no code', ends, 409, String.raw`{"error":{"code":"\u001b[2J try again"}}`, { kind: '409' })

for (const code of ['STILL_RUNNING', 'ANSWER_NOT_KEPT', 'ALREADY_ANSWERED', 'OF_A_STRANGER']) {
  test(`409 ${code} may tell of a try that was carried out`, ends, 409, JSON.stringify({ error: { code } }), {
    end: 'unknown',
    kind: `409 ${code}`,
  })
}
test('a 409 without a code may be anything', ends, 409, '', { end: 'unknown', kind: '409' })
test('SESSION_CONFLICT means not written', ends, 409, '{"error":{"code":"SESSION_CONFLICT"}}', {
  end: 'failed',
  kind: '409 SESSION_CONFLICT',
})
