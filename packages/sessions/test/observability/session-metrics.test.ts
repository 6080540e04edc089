/** The option `metrics`: what an application without our node scrapes of its sessions. */
import test from 'ava'
import { Registry } from '@prometheus-io/client'
import { SessionOptionsError } from '../../src/options.ts'
import { sessionMetrics } from '../../src/observability/session-metrics.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { SessionLayer } from '../../src/koa/koa.ts'
import { fastifyStore } from '../../src/express/express.ts'
import { createSessions } from '../../src/web/index.ts'
import { MINUTE_MS, setUp, START_MS } from '../support/engine.ts'
import { client, KEY, shop } from '../support/shop.ts'

async function valueOf(registry: Registry, series: string): Promise<number | undefined> {
  const line = (await registry.metrics()).split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

test('sessions are counted as they begin, are kept alive and end, by reason', async (t) => {
  const registry = new Registry()
  const time = { nowMs: START_MS }
  const clock = { now: () => time.nowMs }
  let layer: SessionLayer | undefined
  const url = await shop(
    t,
    {
      '/login': (ctx) => void (ctx.session = { user: 'kim' } as never),
      '/look': (ctx) => ctx.session?.['user'] ?? 'nobody',
      '/logout': (ctx) => void (ctx.session = null),
    },
    { metrics: sessionMetrics(registry), store: memoryStore({ clock }), clock, sessionsPerUserMax: 2 },
    (made) => (layer = made),
  )
  const [one, two, three] = [client(url), client(url), client(url)]
  for (const each of [one, two, three]) {
    await each.get('/login')
    time.nowMs += 1_000
  }
  t.is(await valueOf(registry, 'ninelives_sessions_created_total'), 3)
  t.is(await valueOf(registry, 'ninelives_sessions_ended_total{reason="too-many"}'), 1)

  time.nowMs += 10 * MINUTE_MS
  t.is((await two.get('/look')).body, 'kim')
  await two.get('/look')
  t.is(await valueOf(registry, 'ninelives_session_touches_total'), 1)

  await two.get('/logout')
  await layer?.users.endAll('kim')
  t.is(await valueOf(registry, 'ninelives_sessions_ended_total{reason="logout"}'), 1)
  t.is(await valueOf(registry, 'ninelives_sessions_ended_total{reason="revoked"}'), 1)
  t.is((await three.get('/look')).body, 'nobody')
  t.deepEqual(layer?.report(), {
    created: 3,
    ended: { logout: 1, revoked: 1, 'too-many': 1, theft: 0 },
    conflicts: 0,
    merges: 0,
    touches: 1,
    thefts: 0,
  })
  t.true(Number(await valueOf(registry, 'ninelives_store_call_duration_seconds_count{verb="touch",outcome="ok"}')) > 0)
  t.is(await valueOf(registry, 'ninelives_store_up'), 1)
})

test('a conflict and the merge after it are counted, and a theft', async (t) => {
  const { engine, time, reopen } = setUp()
  const session = engine.create()
  await session.commit({ user: 'kim' })
  const [one, other] = [await reopen(session), await reopen(session)]
  await one.commit({ ...one.take(), cart: 1 })
  await other.commit({ ...other.take(), seen: 2 })
  t.like(engine.counts, { created: 1, conflicts: 1, merges: 1, thefts: 0 })

  const old = session.id
  const next = await reopen(session)
  next.rotate()
  await next.commit(next.take())
  await (await reopen(next)).commit({ user: 'kim', used: true })
  time.nowMs += 3 * MINUTE_MS
  t.is(await engine.open(old), undefined)
  t.is(engine.counts.thefts, 1)
  t.is(engine.counts.ended.theft, 1)
})

test('the stores for Express and Fastify and the sessions for other frameworks take the option as well', async (t) => {
  const registry = new Registry()
  const store = fastifyStore({ store: memoryStore(), metrics: sessionMetrics(registry) })
  await new Promise((resolve) => store.set('an id', { cookie: {}, user: 'kim' }, resolve))
  await new Promise((resolve) => store.destroy('an id', resolve))
  t.is(await valueOf(registry, 'ninelives_sessions_created_total'), 1)
  t.is(await valueOf(registry, 'ninelives_sessions_ended_total{reason="logout"}'), 1)
  t.is(store.report().created, 1)

  const other = new Registry()
  const web = createSessions({
    store: memoryStore(),
    keys: [KEY],
    secure: false,
    metrics: sessionMetrics(other),
  })
  const session = await web.load({ headers: {} })
  await session.update((draft) => void (draft['count'] = 1))
  t.is(await valueOf(other, 'ninelives_sessions_created_total'), 1)
  t.is(web.report().created, 1)
})

test('what a store counts itself appears once a store that is named by its URL is open', async (t) => {
  const registry = new Registry()
  const counted = { serversLacking: 1, writesWithFewer: 2, writesRefused: 3 }
  let isOpen = false
  const store = {
    ...memoryStore(),
    report: () => ({ warnings: [], ...(isOpen && { copies: counted }) }),
  }
  createSessions({ store, keys: [KEY], secure: false, metrics: sessionMetrics(registry) })
  t.is(await valueOf(registry, 'ninelives_store_servers_lacking_copies'), undefined)
  isOpen = true
  await registry.metrics()
  t.is(await valueOf(registry, 'ninelives_store_servers_lacking_copies'), 1)
  t.is(await valueOf(registry, 'ninelives_store_writes_refused_for_copies_total'), 3)
})

test('metrics of another kind are refused, and those of a second layer', (t) => {
  const options = { store: memoryStore(), keys: [KEY], secure: false }
  t.throws(() => createSessions({ ...options, metrics: new Registry() as never }), {
    instanceOf: SessionOptionsError,
    message: /^createSessions\(\): metrics takes what sessionMetrics\(\) of @ninelives\/sessions\/metrics makes/,
  })
  const metrics = sessionMetrics(new Registry())
  createSessions({ ...options, metrics })
  t.throws(() => createSessions({ ...options, metrics }), {
    instanceOf: SessionOptionsError,
    message: /Make another one, over a registry of its own/,
  })
})
