import { pino } from 'pino'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { ConfigError } from '../../src/config/config-values.ts'
import type { Snapshot } from '../../src/upstreams/desired-state.ts'
import { Directory } from '../../src/upstreams/directory.ts'
import { resolver, systemResolve } from '../../src/upstreams/resolver.ts'
import type { Resolve } from '../../src/upstreams/resolver.ts'
import { addressOf, upstreamList } from '../../src/config/upstream-list.ts'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { until } from '../fixtures/until.ts'

const SERVICE = { name: 'shop', hostname: 'shop.internal', port: 8081 }

function configOf(text: string, dnsIntervalMs = 5) {
  const { addresses: upstreams, services } = upstreamList(text) ?? { addresses: [], services: [] }
  return { upstreams, services, dnsIntervalMs, upstreamDrainMs: 1_000 }
}

/** `name=url`, with a minus for one that leaves. */
function shown({ upstreams }: Snapshot): string {
  return upstreams
    .map(({ name, url, retirement }) => `${retirement?.removes === true ? '-' : ''}${name}=${url.slice(7)}`)
    .join(' ')
}

async function directory(t: ExecutionContext, text: string, resolve: Resolve, dnsIntervalMs?: number) {
  let config = configOf(text, dnsIntervalMs)
  const published: string[] = []
  const lines: { event: string; reason?: string }[] = []
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as { event: string }) })
  const publish = async (snapshot: Snapshot) => void published.push(shown(snapshot))
  const opened = new Directory({ config: () => config, resolve, log, publish })
  t.teardown(() => opened.close())
  await opened.open()
  const reload = async (next: string) => {
    const prepared = await opened.prepare(configOf(next, dnsIntervalMs))
    prepared.check()
    config = configOf(next, dnsIntervalMs)
    await prepared.commit()
  }
  return { opened, published, lines, reload, now: () => shown(opened.snapshot) }
}

test('the addresses that a name has are upstreams, and change with it', async (t) => {
  const answers: (string[] | Error)[] = [
    ['10.0.0.2', '10.0.0.1', '10.0.0.1'],
    new Error('the name server is down'),
    new Error('the name server is down'),
    [],
    ['10.0.0.2', 'fd00::3'],
  ]
  const resolve: Resolve = async (hostname) => {
    t.is(hostname, 'shop.internal')
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    if (answer instanceof Error) throw answer
    return answer ?? []
  }
  const { published, lines, now, reload } = await directory(t, 'shop=dns://shop.internal:8081', resolve)
  t.is(now(), 'shop-10-0-0-1=10.0.0.1:8081 shop-10-0-0-2=10.0.0.2:8081')
  await until(() => published.length > 0, { what: 'the name to be resolved again' })
  const all = 'shop-10-0-0-2=10.0.0.2:8081 shop-fd00--3=[fd00::3]:8081 -shop-10-0-0-1=10.0.0.1:8081'
  t.deepEqual(published, [all])
  t.deepEqual(
    lines.map(({ reason }) => reason),
    ['the name server is down', 'no address'],
  )
  await reload('a=http://10.0.0.2:8081')
  t.is(now(), 'a=10.0.0.2:8081 -shop-fd00--3=[fd00::3]:8081 -shop-10-0-0-1=10.0.0.1:8081')
})

test('after a reload that was refused, names are resolved as before', async (t) => {
  let address = '10.0.0.1'
  const resolve: Resolve = async (hostname) => {
    if (hostname === 'nowhere.internal') throw new Error('ENOTFOUND')
    return [address]
  }
  const { published, now, reload } = await directory(t, 'shop=dns://shop.internal:1,b=http://10.0.0.9:1', resolve)
  const before = now()
  for (const text of ['shop=dns://nowhere.internal:1', 'shop=dns://shop.internal:1,x=dns://nowhere.internal:1']) {
    const error = await t.throwsAsync(reload(text), { instanceOf: ConfigError })
    t.is(
      error.message,
      "UPSTREAMS has the name nowhere.internal, which can't be resolved (ENOTFOUND), but takes names that have an address.",
    )
  }
  t.is(now(), before)
  address = '10.0.0.2'
  await until(() => published.length > 0, { what: 'the next address to be found' })
  t.is(now(), 'b=10.0.0.9:1 shop-10-0-0-2=10.0.0.2:1 -shop-10-0-0-1=10.0.0.1:1')
})

test('a reload that would leave no upstream, or two of one name, is refused', async (t) => {
  let resolves = false
  const resolve: Resolve = async () => (resolves ? ['10.0.0.1'] : [])
  const { opened, now, reload } = await directory(t, 'a=http://10.0.0.1:1,s=dns://name.internal:1', resolve, 60_000)
  await t.throwsAsync(reload('s=dns://name.internal:1'), { message: /^UPSTREAMS leads to no upstream/ })
  await opened.change({ do: 'add', upstream: 'b=http://10.0.0.2:1' })
  await t.throwsAsync(reload('a=http://10.0.0.1:1,b=http://10.0.0.3:1'), {
    message: /^UPSTREAMS leads to two upstreams of the name b, http:\/\/10.0.0.3:1 and http:\/\/10.0.0.2:1, but takes/,
  })
  t.is(now(), 'a=10.0.0.1:1 b=10.0.0.2:1')
  resolves = true
  await reload('c=http://10.0.0.2:1,s=dns://other.internal:1,again=dns://another.internal:1')
  t.is(now(), 'c=10.0.0.2:1 s-10-0-0-1=10.0.0.1:1')
})

test('a resolver that does not answer is asked once, and nothing waits for it longer than the bound', async (t) => {
  let asked = 0
  const answers = Promise.withResolvers<string[]>()
  const resolve = resolver(() => {
    asked += 1
    return answers.promise
  }, 10)
  const late = { hostname: 'x', trouble: 'no answer in 10 ms' }
  t.deepEqual(await Promise.all([resolve('x'), resolve('x')]), [late, late])
  const third = resolve('x')
  answers.resolve(['10.0.0.1'])
  t.deepEqual(await third, { hostname: 'x', addresses: ['10.0.0.1'] })
  t.is(asked, 1)
})

test('through the resolver of this machine to a node', async (t) => {
  t.deepEqual(await systemResolve('localhost'), ['127.0.0.1'])
  const node = await httpServer(t, (_request, response) => response.end('here'))
  const { url, adminUrl } = await balancing(t, {}, { UPSTREAMS: `n=dns://localhost:${node.port}` })
  t.is((await ask(url)).body.toString(), 'here')
  t.regex((await ask(`${adminUrl}/upstreams`)).body.toString(), /"name":"n-127-0-0-1".*"source":"dns:n"/)
})

test('a name that leads nowhere keeps nothing from starting', async (t) => {
  const { url, adminUrl, lines } = await balancing(t, {}, { UPSTREAMS: 'n=dns://no-such-name.invalid:80' })
  t.is((await ask(url)).status, 503)
  t.is((await ask(`${adminUrl}/readyz`)).status, 503)
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
