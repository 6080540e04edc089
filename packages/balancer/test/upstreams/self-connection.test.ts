import { once } from 'node:events'
import { connect } from 'node:net'
import test from 'ava'
import { httpProxyTransport } from '../../src/transports/http-proxy-transport.ts'
import { isRefusal, isSelfConnected } from '../../src/upstreams/refusal.ts'
import { Upstream } from '../../src/upstreams/upstream.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { freePort } from '../fixtures/processes.ts'

const HOST = '127.0.0.1'

test('a connection to itself is told from one to another socket', async (t) => {
  const { port } = await httpServer(t, (_request, response) => response.end())
  const toSomebody = connect(port, HOST)
  const own = await freePort()
  const toItself = connect({ port: own, localPort: own, host: HOST, localAddress: HOST })
  t.teardown(() => [toSomebody, toItself].map((socket) => socket.destroy()))
  await Promise.all([once(toSomebody, 'connect'), once(toItself, 'connect')])
  t.false(isSelfConnected(toSomebody))
  t.true(isSelfConnected(toItself))
})

test('a call that connects to itself was refused, and is never said to be connected', async (t) => {
  const port = await freePort()
  const limits = { upstreamSocketsMax: 1, upstreamInFlightMax: 1, upstreamIdleMs: 1_000 }
  const upstream = new Upstream({ name: 'a', url: `http://${HOST}:${port}`, hostname: HOST, port }, limits)
  const { options } = upstream.agent as unknown as { options: object }
  Object.assign(options, { localPort: port, localAddress: HOST })
  t.teardown(() => upstream.cut())
  const request = {
    method: 'GET',
    path: '/',
    headers: {},
    hasBody: false,
    taken: undefined,
    websocket: false,
    expectsContinue: false,
    wantsTrailers: false,
  }
  const code = await new Promise<string>((broke) => {
    const listener = {
      connected: () => t.fail(),
      writable: () => t.fail(),
      interim: () => t.fail(),
      head: () => t.fail(),
      piece: () => false,
      whole: () => t.fail(),
      upgraded: () => t.fail(),
      broke,
      closed: () => undefined,
    }
    httpProxyTransport({ connectTimeoutMs: 10_000, answerHeaderBytesMax: 16_384 })
      .call(request, upstream, listener)
      .begin()
  })
  t.is(code, 'connected to itself')
  t.true(isRefusal(code))
})
