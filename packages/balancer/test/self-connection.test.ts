import { once } from 'node:events'
import { connect } from 'node:net'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { Attempt } from '../src/attempt.ts'
import type { Failure } from '../src/attempt.ts'
import { httpProxyTransport } from '../src/http-proxy-transport.ts'
import { Upstream, isSelfConnected } from '../src/upstream.ts'
import { httpServer } from './fixtures/http-server.ts'
import { freePort } from './fixtures/processes.ts'

const HOST = '127.0.0.1'

test('a connection to itself is told from one to somebody', async (t) => {
  const { port } = await httpServer(t, (_request, response) => response.end())
  const toSomebody = connect(port, HOST)
  const own = await freePort()
  const toItself = connect({ port: own, localPort: own, host: HOST, localAddress: HOST })
  t.teardown(() => [toSomebody, toItself].map((socket) => socket.destroy()))
  await Promise.all([once(toSomebody, 'connect'), once(toItself, 'connect')])
  t.false(isSelfConnected(toSomebody))
  t.true(isSelfConnected(toItself))
})

test('an attempt that connects to itself was refused', async (t) => {
  const failure = await attemptAtItself(t)
  t.deepEqual(failure, { kind: 'refused', reason: 'connected to itself', sent: 'nothing', answer: 'none' })
})

/** What became of a request to a port that the connection itself was made to come from. */
async function attemptAtItself(t: ExecutionContext): Promise<Failure> {
  const port = await freePort()
  const limits = { upstreamSocketsMax: 1, upstreamInFlightMax: 1, upstreamIdleMs: 1_000 }
  const upstream = new Upstream({ name: 'a', url: `http://${HOST}:${port}`, hostname: HOST, port }, limits)
  const { options } = upstream.agent as unknown as { options: object }
  Object.assign(options, { localPort: port, localAddress: HOST })
  t.teardown(() => upstream.close())
  const timeouts = { attemptTimeoutMs: 10_000, answerIdleMs: 10_000 }
  return new Promise((resolve) => {
    const owner = {
      sending: () => t.fail(),
      mayLeave: () => false,
      answered: () => t.fail(),
      piece: () => false,
      completed: () => t.fail(),
      upgraded: () => t.fail(),
      failed: (_upstream: Upstream, failure: Failure) => resolve(failure),
    }
    const asked = { method: 'GET', path: '/', headers: {}, hasBody: false, taken: undefined, websocket: false }
    const what = { ...asked, body: undefined, received: true, deadlineAtMs: Infinity }
    new Attempt(upstream, what, owner, timeouts).begin(
      httpProxyTransport({ connectTimeoutMs: 10_000, answerHeaderBytesMax: 16_384 }),
    )
  })
}
