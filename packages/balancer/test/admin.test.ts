import test from 'ava'
import { balancing } from './fixtures/balancing.ts'
import { ask } from './fixtures/client.ts'
import { httpServer } from './fixtures/http-server.ts'
import { freePort } from './fixtures/processes.ts'
import { rawServer } from './fixtures/raw.ts'

test('the upstreams and how they stand', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end())
  const gone = await freePort()
  const { adminUrl } = await balancing(t, { a: upstream.port, b: gone })
  const { status, body } = await ask(`${adminUrl}/upstreams`)
  t.is(status, 200)
  t.deepEqual(JSON.parse(body.toString()), {
    upstreams: [
      { name: 'a', url: `http://127.0.0.1:${upstream.port}`, state: 'up', inFlight: 0, tunnels: 0 },
      { name: 'b', url: `http://127.0.0.1:${gone}`, state: 'down', inFlight: 0, tunnels: 0 },
    ],
  })
})

test('metrics count requests, attempts, what followed and ejections', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end())
  const breaking = await rawServer(t, (socket) => void socket.destroy())
  const ports = { a: upstream.port, b: breaking.port, c: await freePort() }
  const { url, adminUrl } = await balancing(t, ports)
  await ask(url)
  await ask(url, { method: 'POST' })
  const { headers, body } = await ask(`${adminUrl}/metrics?x=1`)
  t.regex(String(headers['content-type']), /^text\/plain; version=/)
  const text = body.toString()
  for (const line of [
    'requests_total{code="200"} 1',
    'requests_total{code="502"} 1',
    'attempts_total{upstream="a",outcome="answered"} 1',
    'attempts_total{upstream="b",outcome="broken"} 1',
    'ejections_total{upstream="c"} 1',
    'upstream_up{upstream="a"} 1',
    'upstream_up{upstream="c"} 0',
    'upstream_in_flight{upstream="a"} 0',
    'upstream_tunnels{upstream="a"} 0',
  ]) {
    t.true(text.includes(`ninelives_balancer_${line}\n`), line)
  }
  t.regex(text, /failed_attempts_total\{rule="(was-safe|may-have-acted)"\} 1/)
  t.regex(text, /process_cpu_user_seconds_total/)
})

test('health, and what is not there', async (t) => {
  const { url, adminUrl } = await balancing(t, { a: await freePort() })
  t.is((await ask(`${adminUrl}/healthz`)).status, 200)
  t.is((await ask(`${adminUrl}/`)).status, 404)
  const answer = await ask(`${adminUrl}/upstreams`, { method: 'POST' })
  t.is(answer.status, 405)
  t.is(answer.headers.allow, 'GET, HEAD')
  t.like(JSON.parse(answer.body.toString()), { error: { code: 'METHOD_NOT_ALLOWED' } })
  // The public port belongs to the nodes, and there is none.
  t.is((await ask(`${url}/healthz`)).status, 503)
})
