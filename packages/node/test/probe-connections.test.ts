import { once } from 'node:events'
import { connect } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import type { ProbeAnswer } from '../src/probe-connections.ts'
import { type ListeningServer, listen } from '../src/server.ts'

const PROBE = 'GET /readyz HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n'
const REQUEST = 'GET /cart HTTP/1.1\r\nHost: a\r\n\r\n'

interface Options {
  readonly answer?: () => Promise<ProbeAnswer>
}

/** Its HTTP server answers with method, path and body of the request. */
async function server(t: ExecutionContext, { answer = ready }: Options = {}): Promise<ListeningServer> {
  const listening = await listen(
    (request, response) => {
      let body = ''
      request.on('data', (bytes: Buffer) => (body += bytes.toString()))
      request.on('end', () => response.end(`${request.method} ${request.url} ${body}.`))
    },
    answer,
    { host: '127.0.0.1', port: 0 },
  )
  t.teardown(() => listening.close({ withinMs: 0 }))
  return listening
}

async function ready(): Promise<ProbeAnswer> {
  return { status: 200, headers: { 'X-Served-By': 'a' }, body: '{"ready":true}', isLast: false }
}

async function draining(): Promise<ProbeAnswer> {
  return { ...(await ready()), status: 503, isLast: true }
}

function visitor(t: ExecutionContext, { url }: ListeningServer) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  let text = ''
  socket.on('data', (bytes) => (text += bytes.toString()))
  socket.on('error', () => 'the test sees that it is closed')
  return {
    socket,
    closed: once(socket, 'close'),
    /** Resolves with all that came, once it ends so. */
    reads: async (end: string): Promise<string> => {
      while (!text.endsWith(end)) await once(socket, 'data')
      return text
    },
  }
}

test('one connection is answered probe after probe', async (t) => {
  const { socket, reads } = visitor(t, await server(t))
  socket.write(PROBE)
  const first = await reads('{"ready":true}')
  t.regex(first, /^HTTP\/1\.1 200 OK\r\nDate: [^\r]+ GMT\r\nX-Served-By: a\r\nContent-Length: 14\r\n\r\n/)
  socket.write(PROBE)
  await once(socket, 'data')
  t.is((await reads('{"ready":true}')).split('HTTP/1.1 200 OK').length, 3)
})

test('a connection with another request is the HTTP server’s, from its first byte or after probes', async (t) => {
  const listening = await server(t)
  const other = visitor(t, listening)
  other.socket.write('POST /cart HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nfirst')
  await once(other.socket, 'connect')
  other.socket.write('!')
  await other.reads('POST /cart first!.')
  other.socket.write(REQUEST)
  await other.reads('GET /cart .')

  const probing = visitor(t, listening)
  probing.socket.write(PROBE)
  await probing.reads('{"ready":true}')
  probing.socket.write(REQUEST)
  await probing.reads('GET /cart .')
  // From then on probes go the way of any request.
  probing.socket.write(PROBE)
  t.is((await probing.reads('GET /readyz .')).split('HTTP/1.1 200 OK').length, 4)
})

test('a request that is not exactly a probe is the HTTP server’s', async (t) => {
  const listening = await server(t)
  for (const request of [
    'GET /readyz HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n',
    'GET /readyz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
    'GET /readyz?all HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /readyz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    `${PROBE}${REQUEST}`,
  ]) {
    const { socket, reads } = visitor(t, listening)
    socket.write(request)
    t.regex(await reads(' .'), /GET \/readyz/)
  }
})

test('what comes behind a probe is read once that is answered', async (t) => {
  const answer = Promise.withResolvers<ProbeAnswer>()
  const asked = Promise.withResolvers<void>()
  const listening = await server(t, {
    answer() {
      asked.resolve()
      return answer.promise
    },
  })
  const { socket, reads } = visitor(t, listening)
  socket.write(PROBE)
  await asked.promise
  socket.end(REQUEST)
  answer.resolve(await ready())
  t.regex(await reads('GET /cart .'), /"ready":true.*GET \/cart/s)
})

test('the last answer ends its connection, and so does a client that has no more questions', async (t) => {
  const last = visitor(t, await server(t, { answer: draining }))
  last.socket.write(PROBE)
  t.regex(await last.reads('{"ready":true}'), /^HTTP\/1\.1 503 Service Unavailable\r\n.*\r\nConnection: close\r\n\r\n/s)
  await last.closed

  const leaving = visitor(t, await server(t))
  leaving.socket.write(PROBE)
  await leaving.reads('{"ready":true}')
  leaving.socket.end()
  await leaving.closed
  t.pass()
})

test('a server that closes waits for no connection of a prober', async (t) => {
  const listening = await server(t)
  const { socket, reads, closed } = visitor(t, listening)
  socket.write(PROBE)
  await reads('{"ready":true}')
  t.deepEqual(await listening.close({ withinMs: 60_000 }), { cut: false })
  await closed
})
