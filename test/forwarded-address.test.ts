/** From the client to the throttle: a proxy that appends, the balancer, a node. No made-up address gets in between. */
import { once } from 'node:events'
import { createServer, request as open } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { answerTo } from '../packages/balancer/test/fixtures/requests/client.ts'
import { startBalancer } from '../packages/balancer/test/fixtures/processes.ts'
import { nodeProcess } from '../packages/node/test/support/node-process.ts'

/** More than an address may fail, even where the machine is so slow that waits pass between two of them. */
const GUESSES_MAX = 60

/** As nginx does with `$proxy_add_x_forwarded_for`. Everything else of the client's header passes. */
async function appendingProxy(t: ExecutionContext, to: string): Promise<number> {
  const server = createServer((request, response) => {
    const before = request.headers['x-forwarded-for']
    const client = request.socket.remoteAddress ?? ''
    const forwarded = before === undefined ? client : `${String(before)}, ${client}`
    const headers = { ...request.headers, 'x-forwarded-for': forwarded }
    const outgoing = open(`${to}${request.url}`, { method: request.method, headers, agent: false }, (answer) => {
      answer.pipe(response.writeHead(answer.statusCode ?? 0, answer.headers))
    })
    request.pipe(outgoing)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

test('a client that makes up X-Forwarded-For is throttled by its own address, and others are not', async (t) => {
  const node = nodeProcess(t, { TRUST_PROXY: 'true', LOG_LEVEL: 'info' })
  const balancer = startBalancer(t, {
    PORT: '0',
    UPSTREAMS: `a=${await node.ready()}`,
    TRUSTED_PROXIES: '127.0.0.1',
  })
  const { url } = await balancer.ready
  const port = await appendingProxy(t, url)
  async function login(localAddress: string, name: string, password: string, madeUp: object): Promise<number> {
    const headers = { 'content-type': 'application/json', ...madeUp }
    const request = open({
      host: '127.0.0.1',
      port,
      path: '/api/login',
      method: 'POST',
      agent: false,
      localAddress,
      headers,
    })
    const answer = answerTo(request)
    request.end(JSON.stringify({ name, password }))
    return (await answer).status
  }

  let status = 0
  let guesses = 0
  for (; status !== 429 && guesses < GUESSES_MAX; guesses++) {
    const address = `198.51.100.${guesses}`
    const madeUp = {
      'x-forwarded-for': address,
      'x-real-ip': address,
      forwarded: `for=${address}`,
      x_forwarded_for: address,
    }
    status = await login('127.0.0.2', `somebody-${guesses}`, 'x', madeUp)
  }
  t.is(status, 429)
  t.is(await login('127.0.0.3', 'user-0', 'password-0', {}), 200)
})
