/** What an operator sees of the store and of logins: lines of the log, and metrics. */
import test from 'ava'
import { openStore, StoreUnavailableError } from '@ninelives/sessions'
import { client } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

const GUESSES_MAX = 60

const metricsOf = async (url: string): Promise<Set<string>> =>
  new Set(((await client(url).send('GET', '/metrics')).body as string).split('\n'))

function linesOf(logged: readonly string[], event: string): Record<string, unknown>[] {
  return logged.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line['event'] === event)
}

test('logins that were accepted, refused and throttled leave a line each, with the account where there is one', async (t) => {
  const { url, logged } = await shopServer(t)
  const login = (name: string, password: string) => client(url).send('POST', '/api/login', { name, password })
  t.is((await login('user-0', 'password-0')).status, 200)
  t.is((await login('my password, in the wrong field', 'x')).status, 401)
  let guesses = 0
  let status = 401
  // On a slow machine the wait after the last guess may have passed before the next.
  while (status === 401 && guesses < GUESSES_MAX) {
    status = (await login('user-1', 'guess')).status
    if (status === 401) guesses++
  }
  t.is(status, 429)
  t.true(guesses >= 5)

  t.like(linesOf(logged, 'login-accepted'), [{ level: 30, user: 'user-0', address: '127.0.0.1' }])
  const refused = linesOf(logged, 'login-refused')
  t.deepEqual(
    refused.map(({ user }) => user),
    [undefined, ...Array.from({ length: guesses }, () => 'user-1')],
  )
  t.true(refused.every(({ level, requestId }) => level === 40 && typeof requestId === 'string'))
  t.like(linesOf(logged, 'login-throttled'), [{ level: 40, user: 'user-1', address: '127.0.0.1' }])
  t.like(linesOf(logged, 'throttled'), [{ level: 40, lane: 'account' }])
  t.false(logged.join('').includes('in the wrong field'))

  const metrics = await metricsOf(url)
  for (const line of [
    'ninelives_logins_total{outcome="accepted",node="a"} 1',
    `ninelives_logins_total{outcome="refused",node="a"} ${guesses + 1}`,
    'ninelives_logins_total{outcome="throttled",node="a"} 1',
    'ninelives_session_events_total{event="throttled",node="a"} 1',
  ]) {
    t.true(metrics.has(line), line)
  }
})

// Before the others: it sets the clock of this process.
test.serial(
  'a login with an id that was rotated away long ago leaves a line of theft with the id of its request',
  async (t) => {
    const realNow = Date.now
    t.teardown(() => (Date.now = realNow))
    const { url, logged } = await shopServer(t, { absoluteTimeoutMs: 86_400_000, idleTimeoutMs: 86_400_000 })
    const visitor = client(url)
    await visitor.login('user-0')
    const stolen = client(url, visitor.cookie)
    await visitor.login('user-0')
    await visitor.send('GET', '/api/session')
    Date.now = () => realNow() + 600_000
    const answer = await stolen.send('GET', '/api/session')
    t.like(answer.body, { authenticated: false })
    t.like(linesOf(logged, 'theft'), [{ level: 40, requestId: answer.headers.get('X-Request-Id') }])
  },
)

test('an outage of the store is told in the log and in metrics, and so is every call by its verb', async (t) => {
  const store = await openStore('memory:')
  const read = store.read.bind(store)
  const { url, logged } = await shopServer(t, { store })
  const visitor = client(url)
  await visitor.login('user-0')
  await visitor.send('GET', '/api/cart')
  t.true((await metricsOf(url)).has('ninelives_store_up{node="a"} 1'))
  store.read = () => Promise.reject(new StoreUnavailableError('memory', new Error('connection refused')))
  for (let request = 0; request < 12; request++) t.is((await visitor.send('GET', '/api/cart')).status, 503)
  t.like(linesOf(logged, 'store-down'), [{ level: 50, store: 'memory', reason: 'connection refused' }])
  const during = await metricsOf(url)
  t.true(during.has('ninelives_store_up{node="a"} 0'))
  t.true(during.has('ninelives_session_events_total{event="store-down",node="a"} 1'))

  const since = [...during].find((line) =>
    line.startsWith('ninelives_session_event_timestamp_seconds{event="store-down",node="a"} '),
  )
  const secondsAgo = Date.now() / 1000 - Number(since?.split(' ').at(-1))
  t.true(secondsAgo >= 0 && secondsAgo < 60, since)

  store.read = read
  t.is((await visitor.send('GET', '/readyz')).status, 200)
  t.is((await visitor.send('GET', '/api/cart')).status, 200)
  t.like(linesOf(logged, 'store-up'), [{ level: 30, store: 'memory' }])
  const text = [...(await metricsOf(url))].join('\n')
  t.true(text.includes('ninelives_store_up{node="a"} 1\n'))
  for (const [verb, outcome] of [
    ['read', 'ok'],
    ['read', 'failed'],
    ['write', 'ok'],
  ] as const) {
    const count = new RegExp(
      `^ninelives_store_call_duration_seconds_count\\{.*verb="${verb}",outcome="${outcome}".*\\} (\\d+)$`,
      'm',
    )
    t.true(Number(count.exec(text)?.[1]) > 0, `${verb} ${outcome}`)
  }
})

test('what a store counts of its copies and its links is in the metrics, and is not where there is none', async (t) => {
  const store = await openStore('memory:')
  t.notRegex([...(await metricsOf((await shopServer(t, { store })).url))].join(), /copies|mesh|memcached/)
  const mesh = {
    peers: 2,
    linked: ['b'],
    sentBytes: 10,
    receivedBytes: 20,
    refusals: 1,
    malformed: 0,
    strangers: 7,
    repaired: 0,
  }
  const copies = { serversLacking: 1, writesWithFewer: 5, writesRefused: 3 }
  const server = { server: 'one', isUp: true, restarts: 1, evicted: 4, items: 0, bytes: 0, bytesMax: 0 }
  const memcached = { servers: [server, { ...server, server: 'two', isUp: false }] }
  const telling = { ...(await openStore('memory:')), report: () => ({ warnings: [], mesh, copies, memcached }) }
  const metrics = await metricsOf((await shopServer(t, { store: telling })).url)
  for (const line of [
    'ninelives_memcached_servers_down{node="a"} 1',
    'ninelives_memcached_restarts_total{node="a"} 2',
    'ninelives_memcached_evicted_total{node="a"} 8',
    'ninelives_mesh_peers{node="a"} 2',
    'ninelives_mesh_links{node="a"} 1',
    'ninelives_mesh_strangers_dropped_total{node="a"} 7',
    'ninelives_store_servers_lacking_copies{node="a"} 1',
    'ninelives_store_writes_with_fewer_copies_total{node="a"} 5',
    'ninelives_store_writes_refused_for_copies_total{node="a"} 3',
  ]) {
    t.true(metrics.has(line), line)
  }
})
