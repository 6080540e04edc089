/** An application that says elsewhere than at /readyz whether it takes traffic. */
import test from 'ava'
import { readConfig } from '../../src/config/config.ts'
import { balancing } from '../fixtures/balancing.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { ask } from '../fixtures/requests/client.ts'
import { until } from '../fixtures/until.ts'

async function application(t: Parameters<typeof httpServer>[0]): Promise<number> {
  const { port, server } = await httpServer(t, (_request, response) => response.end('served'))
  server.prependListener('request', ({ url }, response) => (response.statusCode = url === '/readyz' ? 404 : 200))
  return port
}

test('READY_PATH names where nodes are probed, and clients do not see that path', async (t) => {
  const port = await application(t)
  const balancer = await balancing(t, { a: port }, { READY_PATH: '/up', PROBE_INTERVAL_MS: '10' })
  t.is((await ask(`${balancer.url}/`)).status, 200)
  t.is((await ask(`${balancer.url}/up`)).status, 404)
  t.deepEqual(balancer.events(), [])
})

test('a node without the path is ejected with a reason that names the remedy', async (t) => {
  const { lines } = await balancing(t, { a: await application(t) }, { PROBE_INTERVAL_MS: '10' })
  const ejected = () => lines.find(({ event }) => event === 'upstream-ejected')
  await until(() => ejected() !== undefined, { what: 'the node to be ejected' })
  t.is(ejected()?.['reason'], '/readyz answered 404; READY_PATH can name another path')
})

test('the balancer logs a probe that ends otherwise than the one before, and no other', async (t) => {
  let status = 200
  let probes = 0
  const { port, server } = await httpServer(t, (_request, response) => response.end())
  server.prependListener('request', (_request, response) => {
    probes++
    response.statusCode = status
  })
  const { lines } = await balancing(t, { a: port }, { PROBE_INTERVAL_MS: '10' })
  const results = () => lines.filter(({ event }) => event === 'probe-result').map((line) => line['result'])
  await until(() => probes > 5, { what: 'several probes' })
  t.deepEqual(results(), ['ready'])
  status = 503
  await until(() => results().includes('unready'), { what: 'the other answer to be logged' })
  status = 200
  await until(() => results().length === 3, { what: 'the recovery to be logged' })
  t.deepEqual(results(), ['ready', 'unready', 'ready'])
  t.like(
    lines.find(({ event }) => event === 'probe-result'),
    { upstream: 'a', everyMs: 10 },
  )
})

test('READY_PATH takes a path', (t) => {
  t.throws(() => readConfig({ UPSTREAMS: 'a=http://127.0.0.1:9', READY_PATH: 'up?x' }), {
    message: /^READY_PATH is "up\?x", but takes a path such as \/readyz/,
  })
})
