import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { SessionStore } from '../../../src/contract.ts'
import type { SessionLayer } from '../../../src/koa/koa.ts'
import { postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { cacheOf, hybridNode } from '../../support/hybrid-nodes.ts'
import { redisMissing, redisServer } from '../../support/redis/server.ts'
import { client, type Client, type Handler, shop } from '../../support/shop.ts'
import { until } from '../../support/until.ts'

const onRedis = redisMissing === undefined ? test : test.skip
if (redisMissing !== undefined) test.skip(`hybrid over redis, through Koa: ${redisMissing}`, () => {})

const onPostgres = postgresMissing === undefined ? test : test.skip
if (postgresMissing !== undefined) test.skip(`hybrid over postgres, through Koa: ${postgresMissing}`, () => {})

const routes: Record<string, Handler> = {
  '/login': (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u', count: 0 }),
  '/add': (ctx) => ctx.session?.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1)),
  '/logout': (ctx) => {
    ctx.session = null
  },
  '/': (ctx) => ctx.session,
}

/** A pause of a busy machine must not look like an outage. */
const PATIENT = { callTimeoutMs: 20_000 }

interface Nodes {
  readonly layers: readonly SessionLayer[]
  readonly stores: readonly SessionStore[]
  /** The client's next request goes to this node. */
  readonly at: (browser: Client, node: number) => Client
}

async function nodes(t: ExecutionContext, over: string): Promise<Nodes> {
  const layers: SessionLayer[] = []
  const stores = await Promise.all([hybridNode(t, over), hybridNode(t, over), hybridNode(t, over)])
  const origins = await Promise.all(
    stores.map((store) => shop(t, routes, { store, guard: PATIENT }, (layer) => layers.push(layer))),
  )
  const clients = origins.map((origin) => client(origin))
  const at = (browser: Client, node: number): Client => ({
    cookie: browser.cookie,
    async get(path, key) {
      const there = Object.assign(clients[node] as Client, { cookie: browser.cookie })
      const answer = await there.get(path, key)
      browser.cookie = there.cookie
      return answer
    },
  })
  return { layers, stores, at }
}

function sqlite(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-hybrid-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return `sqlite:${join(directory, 'sessions.db')}?timeoutMs=20000`
}

async function redis(t: ExecutionContext): Promise<string> {
  const server = await redisServer()
  t.teardown(() => server.stop())
  return server.url
}

async function postgres(t: ExecutionContext): Promise<string> {
  const server = await postgresServer()
  t.teardown(() => server.stop())
  return server.url
}

for (const [name, on, over] of [
  ['redis', onRedis, redis],
  ['sqlite', test, sqlite],
  ['postgres', onPostgres, postgres],
] as const) {
  on(`over ${name}: each request finds what the one before changed, on every node`, async (t) => {
    const { at, stores } = await nodes(t, await over(t))
    const browser: Client = client('')
    await at(browser, 0).get('/login')
    for (let turn = 1; turn <= 15; turn++) {
      await Promise.all([0, 1, 2].map((node) => at({ ...browser }, node).get('/')))
      const answer = await at(browser, turn % 3).get('/add')
      t.is(answer.body, turn)
      t.like((await at(browser, (turn + 1) % 3).get('/')).body, { user: 'u', count: turn })
    }
    t.true(stores.some((store) => cacheOf(store).hits > 0))
  })

  on(`over ${name}: a logout, and a logout of all sessions, is final on each node at once`, async (t) => {
    const { at, layers } = await nodes(t, await over(t))
    for (let round = 0; round < 4; round++) {
      const browsers = [client(''), client('')]
      for (const browser of browsers) {
        await at(browser, 0).get('/login')
        for (const node of [0, 1, 2, 0, 1, 2]) t.like((await at(browser, node).get('/')).body, { user: 'u' })
      }
      const stolen = browsers.map((browser) => ({ ...browser }))
      if (round % 2 === 0) await Promise.all(browsers.map((browser) => at(browser, 1).get('/logout')))
      else await layers[1]?.users.endAll('u')
      for (const browser of stolen)
        for (const node of [0, 1, 2]) t.deepEqual((await at({ ...browser }, node).get('/')).body, {})
    }
  })
}

onRedis('an outage of Redis refuses requests, ends no session, and is over when Redis answers', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  const { at } = await nodes(t, `${server.url}?timeoutMs=1000`)
  const browser = client('')
  await at(browser, 0).get('/login')
  t.like((await at(browser, 0).get('/')).body, { user: 'u' })
  const { cookie } = browser
  server.process.kill('SIGSTOP')
  await until('the outage', async () => {
    const answer = await at(browser, 0).get('/')
    t.deepEqual(answer.setCookie, [])
    if (answer.status === 200) t.like(answer.body, { user: 'u' })
    return answer.status === 503
  })
  t.is((await at(browser, 1).get('/')).status, 503)
  t.is(browser.cookie, cookie)
  server.process.kill('SIGCONT')
  for (const node of [0, 1]) await until('the recovery', async () => (await at(browser, node).get('/')).status === 200)
  t.like((await at(browser, 0).get('/')).body, { user: 'u' })
})
