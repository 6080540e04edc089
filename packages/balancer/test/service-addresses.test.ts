import { pino } from 'pino'
import test from 'ava'
import { serviceAddresses, systemResolve } from '../src/service-addresses.ts'
import type { Resolve } from '../src/service-addresses.ts'
import { addressOf, upstreamList } from '../src/upstream-list.ts'
import { balancing } from './fixtures/balancing.ts'
import { ask } from './fixtures/client.ts'
import { httpServer } from './fixtures/http-server.ts'
import { until } from './fixtures/until.ts'

const SERVICE = { name: 'shop', hostname: 'shop.internal', port: 8081 }

test('what a name has for addresses becomes upstreams, and changes with it', async (t) => {
  const answers: (string[] | Error)[] = [
    ['10.0.0.2', '10.0.0.1', '10.0.0.1'],
    new Error('the name server is down'),
    new Error('the name server is down'),
    [],
    ['10.0.0.2', 'fd00::3'],
  ]
  const asked: string[] = []
  const resolve: Resolve = async (hostname) => {
    asked.push(hostname)
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    if (answer instanceof Error) throw answer
    return answer ?? []
  }
  const told: string[] = []
  const reconcile = async (addresses: readonly { name: string; url: string }[], source: string) => {
    told.push(`${source}: ${addresses.map(({ name, url }) => `${name}=${url}`).join(' ')}`)
  }
  const warnings: string[] = []
  const log = pino({}, { write: (line: string) => void warnings.push((JSON.parse(line) as { reason: string }).reason) })
  const config = { services: [SERVICE], dnsIntervalMs: 5, upstreamDrainMs: 1_000 }
  const services = serviceAddresses({ config, membership: { reconcile }, resolve, log })
  t.teardown(() => services.close())
  await services.open()
  t.deepEqual(told, ['dns:shop: shop-10-0-0-1=http://10.0.0.1:8081 shop-10-0-0-2=http://10.0.0.2:8081'])
  await until(() => told.length > 1, { what: 'the name to be resolved again' })
  t.is(told[1], 'dns:shop: shop-10-0-0-2=http://10.0.0.2:8081 shop-fd00--3=http://[fd00::3]:8081')
  t.deepEqual(warnings, ['the name server is down', 'no address'])
  t.true(asked.every((hostname) => hostname === 'shop.internal'))
  config.services = []
  told.length = 0
  await services.refresh()
  t.deepEqual(told, ['dns:shop: '])
})

test('through the resolver of this machine to a node', async (t) => {
  t.deepEqual(await systemResolve('localhost'), ['127.0.0.1'])
  const node = await httpServer(t, (_request, response) => response.end('here'))
  const { url, adminUrl } = await balancing(t, {}, { UPSTREAMS: `n=dns://localhost:${node.port}` })
  t.is((await ask(url)).body.toString(), 'here')
  t.regex((await ask(`${adminUrl}/upstreams`)).body.toString(), /"name":"n-127-0-0-1".*"source":"dns:n"/)
})

test('a name that leads nowhere keeps nothing from starting', async (t) => {
  const { url, lines } = await balancing(t, {}, { UPSTREAMS: 'n=dns://no-such-name.invalid:80' })
  t.is((await ask(url)).status, 503)
  t.true(lines.some(({ event }) => event === 'name-unresolved'))
})

test('how upstreams are written', (t) => {
  t.deepEqual(upstreamList('a=http://127.0.0.1:1;weight=3, s=dns://shop:8081/;weight=2'), {
    addresses: [{ name: 'a', url: 'http://127.0.0.1:1', hostname: '127.0.0.1', port: 1, weight: 3 }],
    services: [{ name: 's', hostname: 'shop', port: 8081, weight: 2 }],
  })
  for (const wrong of [
    'a',
    'a=ftp://b:1',
    'a=http://b:1;weight=0',
    'a=http://b:1;weight=101',
    'a=http://b:1;w=1',
    'a=dns://',
  ]) {
    t.is(upstreamList(wrong), undefined, wrong)
  }
  t.is(addressOf({ ...SERVICE, weight: 2 }, '10.1.2.3').weight, 2)
})
