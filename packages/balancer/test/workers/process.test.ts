/** The balancer as a process: how it starts, refuses to start, stops and dies. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { request as open } from 'node:http'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import test from 'ava'
import { answerTo, ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { freePort, startBalancer, startNode } from '../fixtures/processes.ts'
import { rawClient } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

test('it says where it listens, serves, logs as NDJSON and writes nothing to stderr', async (t) => {
  const a = await startNode(t, 'a')
  const balancer = startBalancer(t, { PORT: '0', ADMIN_PORT: '0', UPSTREAMS: `a=${a.url}` })
  const { url, adminUrl } = await balancer.ready
  t.regex(url, /^http:\/\/127\.0\.0\.1:\d+$/)
  t.is((await ask(url)).status, 200)
  t.is((await ask(`${adminUrl}/healthz`)).status, 200)
  const lines = balancer.output.stdout.trim().split('\n')
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  t.like(
    events.find(({ event }) => event === 'listening'),
    { url, adminUrl },
  )
  t.is(balancer.output.stderr, '')
})

test('a port that is taken: one line that names it, exit 98', async (t) => {
  const taken = await httpServer(t, (_request, response) => response.end())
  for (const key of ['PORT', 'ADMIN_PORT']) {
    const balancer = startBalancer(t, { PORT: '0', UPSTREAMS: 'a=http://127.0.0.1:1', [key]: String(taken.port) })
    t.is(await balancer.exited, 98)
    t.is(balancer.output.stderr, `balancer: Port ${taken.port} on 127.0.0.1 is in use.\n`)
  }
})

test('a bad configuration: one line that names the key, exit 2', async (t) => {
  const balancer = startBalancer(t, { UPSTREAMS: 'a=http://127.0.0.1:1', ROUTING: 'magic' })
  t.is(await balancer.exited, 2)
  t.is(
    balancer.output.stderr,
    'balancer: ROUTING is "magic", but takes round-robin | least-busy | affinity | session-id.\n',
  )
})

test('all faults at once, and nothing is started', async (t) => {
  const balancer = startBalancer(t, { ROUTING: 'magic', PORT: 'x' })
  t.is(await balancer.exited, 2)
  const lines = balancer.output.stderr.trim().split('\n')
  t.is(lines.length, 3)
  for (const [index, key] of ['UPSTREAMS', 'PORT', 'ROUTING'].entries()) {
    t.regex(lines[index] ?? '', new RegExp(`^balancer: ${key} is `))
  }
})

test('--help lists every key, and an unknown argument is refused', async (t) => {
  const main = new URL('../../src/main.ts', import.meta.url).pathname
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, [main, '--help'])
  for (const key of ['UPSTREAMS', 'WORKERS', 'CONFIG_FILE', 'ADMIN_TOKEN', 'DRAIN_MS=10000'])
    t.true(stdout.includes(key))
  const refused = await t.throwsAsync(run(process.execPath, [main, '--wrokers', '2']))
  t.like(refused, { code: 2 })
  t.regex(String((refused as { stderr?: string }).stderr), /^balancer: .*--wrokers/)
})

test('SIGTERM: requests in flight are finished, nothing new begins, exit 0', async (t) => {
  const held: ServerResponse[] = []
  const a = await httpServer(t, (_request, response) => void held.push(response))
  const balancer = startBalancer(t, { PORT: '0', UPSTREAMS: `a=http://127.0.0.1:${a.port}`, DRAIN_MS: '60000' })
  const { url } = await balancer.ready
  const slow = Array.from({ length: 5 }, () => ask(url, { headers: { connection: 'keep-alive' } }))
  await until(() => held.length === 5, { what: 'all to arrive' })
  balancer.child.kill('SIGTERM')
  await until(() => isClosed(Number(new URL(url).port)), { what: 'the port to be closed' })
  for (const response of held) response.end()
  for (const { status, headers } of await Promise.all(slow)) {
    t.is(status, 200)
    t.is(headers.connection, 'close')
  }
  t.is(await balancer.exited, 0)
  t.regex(balancer.output.stdout, /"event":"draining"[^]*"event":"stopped"/)
})

/** Whether no process listens there. */
async function isClosed(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const outcome = await Promise.race([once(socket, 'connect'), once(socket, 'error')]).then(
    () => false,
    () => true,
  )
  socket.destroy()
  return outcome
}

test('SIGTERM: a request that does not end in time is cut, exit 0', async (t) => {
  const upstream = await httpServer(t, () => 'never answers')
  const env = { PORT: '0', UPSTREAMS: `a=http://127.0.0.1:${upstream.port}`, DRAIN_MS: '300' }
  const balancer = startBalancer(t, env)
  const { url } = await balancer.ready
  const request = open(url, { agent: false })
  const answer = answerTo(request)
  request.end()
  await until(() => upstream.requests.length === 1, { what: 'the request to arrive' })
  balancer.child.kill('SIGTERM')
  await t.throwsAsync(answer, { message: /hang up|ECONNRESET/ })
  t.is(await balancer.exited, 0)
})

test('SIGTERM: WebSockets are closed at the end and hold nothing up', async (t) => {
  const a = await startNode(t, 'a')
  const balancer = startBalancer(t, { PORT: '0', UPSTREAMS: `a=${a.url}`, DRAIN_MS: '60000' })
  const { url } = await balancer.ready
  const client = await rawClient(t, Number(new URL(url).port))
  client.send('GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', '', '')
  await client.receives(/ 101 /)
  balancer.child.kill('SIGTERM')
  await client.closed
  t.is(await balancer.exited, 0)
})

test('a second signal: at once', async (t) => {
  const upstream = await httpServer(t, () => 'never answers')
  const env = { PORT: '0', UPSTREAMS: `a=http://127.0.0.1:${upstream.port}`, DRAIN_MS: '60000' }
  const balancer = startBalancer(t, env)
  const { url } = await balancer.ready
  ask(url).catch(() => 'cut')
  await until(() => upstream.requests.length === 1, { what: 'the request to arrive' })
  balancer.child.kill('SIGTERM')
  await until(() => balancer.output.stdout.includes('"draining"'), { what: 'it to drain' })
  balancer.child.kill('SIGTERM')
  t.is(await balancer.exited, 1)
})

test('a supervisor that died takes the balancer with it', async (t) => {
  const balancer = startBalancer(t, { PORT: '0', UPSTREAMS: `a=http://127.0.0.1:${await freePort()}` })
  await balancer.ready
  balancer.child.disconnect()
  t.is(await balancer.exited, 1)
})

test('SIGINT: left to the supervisor where there is one, else it drains', async (t) => {
  const env = { PORT: '0', UPSTREAMS: `a=http://127.0.0.1:${await freePort()}` }
  const supervised = startBalancer(t, env)
  await supervised.ready
  supervised.child.kill('SIGINT')
  const main = new URL('../../src/main.ts', import.meta.url).pathname
  const alone = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => alone.kill('SIGKILL'))
  await once(alone.stdout, 'data')
  alone.kill('SIGINT')
  t.deepEqual(await once(alone, 'exit'), [0, null])
  t.is(supervised.child.exitCode, null)
  supervised.child.kill('SIGTERM')
  t.is(await supervised.exited, 0)
})

test('of all deprecations exactly DEP0060 is silent, and only where http-proxy calls it', async (t) => {
  const transport = new URL('../../src/transports/http-proxy-transport.ts', import.meta.url)
  const script = `
    const { httpProxyTransport } = await import(${JSON.stringify(transport.href)})
    const { Agent } = await import('node:http')
    const upstream = { target: { hostname: '127.0.0.1', port: 1 }, agent: new Agent() }
    await new Promise((closed) => {
      const request = { method: 'GET', path: '/', headers: {}, hasBody: false, websocket: false }
      httpProxyTransport({ connectTimeoutMs: 1_000 }).call(request, upstream, { broke() {}, closed }).begin()
    })
    console.error('passed')
    const util = await import('node:util')
    util.default._extend({}, {})`
  const run = promisify(execFile)
  const { stderr } = await run(process.execPath, ['--input-type=module', '--eval', script])
  const [before, after] = stderr.split('passed')
  t.is(before, '')
  t.regex(after ?? '', /DEP0060/)
})
