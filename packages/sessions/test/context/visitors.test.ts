import test, { type ExecutionContext } from 'ava'
import Koa from 'koa'
import { type SessionLayer, sessions, type SessionsOptions } from '../../src/koa/koa.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { MINUTE_MS, START_MS } from '../support/engine.ts'
import { listening, say } from '../support/koa-server.ts'
import { client, KEY } from '../support/shop.ts'

interface Site {
  readonly url: string
  readonly layer: SessionLayer
  readonly held: () => number
  readonly events: string[]
  readonly time: { nowMs: number }
}

interface SiteOptions extends Partial<SessionsOptions> {
  readonly recordsMax?: number
}

/** An application that keeps in the session what the query says; `/login` makes it a user's. */
async function site(t: ExecutionContext, { recordsMax = 1_000, ...options }: SiteOptions = {}): Promise<Site> {
  const time = { nowMs: START_MS }
  const clock = { now: () => time.nowMs }
  const store = memoryStore({ clock, recordsMax })
  const events: string[] = []
  const onEvent: SessionsOptions['onEvent'] = ({ event }) => void events.push(event)
  const app = new Koa({ proxy: true })
  const layer = sessions(app, { store, clock, keys: [KEY], secure: false, onEvent, ...options })
  app.use((ctx) => {
    const { session } = ctx
    if (ctx.path === '/login' && session !== null) session['user'] = 'u'
    if (ctx.path === '/initialise') Object.assign(session ?? {}, { cart: {}, seen: [], name: '', last: null })
    if (ctx.path === '/keep') Object.assign(session ?? {}, ctx.query)
    ctx.body = ctx.session
  })
  return { url: await listening(t, app), layer, held: () => store.localSessionCount?.() ?? 0, events, time }
}

const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } })

test('a visitor whose fields are all empty has no session, and gets one with the first that is not', async (t) => {
  const { url, held } = await site(t)
  const browser = client(url)
  t.deepEqual((await browser.get('/initialise')).body, { cart: {}, seen: [], name: '', last: null })
  t.is(browser.cookie, undefined)
  t.is(held(), 0)
  await browser.get('/keep?a=1')
  t.is(held(), 1)
  await browser.get('/initialise')
  t.deepEqual((await browser.get('/')).body, { a: '1', cart: {}, seen: [], name: '', last: null })
})

test("the application can say which visitors' sessions are worth keeping, and a user's always is", async (t) => {
  const { url, held } = await site(t, { visitors: { isWorthKeeping: (data) => 'cart' in data } })
  await client(url).get('/keep?lastPage=home')
  t.is(held(), 0)
  await client(url).get('/keep?cart=1')
  await client(url).get('/login')
  t.is(held(), 2)
})

test("a visitor's session ends sooner than a user's, and a login makes it last as long", async (t) => {
  const { url, time } = await site(t, { idleTimeoutMs: 20 * MINUTE_MS })
  const [visitor, user] = [client(url), client(url)]
  await visitor.get('/keep?a=1')
  await user.get('/keep?a=1')
  time.nowMs += 9 * MINUTE_MS
  t.deepEqual((await visitor.get('/')).body, { a: '1' })
  await user.get('/login')
  time.nowMs += 11 * MINUTE_MS
  t.deepEqual((await visitor.get('/')).body, {})
  t.deepEqual((await user.get('/')).body, { a: '1', user: 'u' })
})

test("one address may begin so many visitors' sessions, and users log in and go on all the same", async (t) => {
  const visitors = { burstPerAddress: 5, perSecondPerAddress: 2 }
  const { url, held, events, time } = await site(t, { visitors })
  const flood = async (count: number) =>
    await Promise.all(Array.from({ length: count }, () => say(`${url}/keep?a=1`, from('192.0.2.1'))))
  const statuses = (answers: Awaited<ReturnType<typeof flood>>) =>
    answers.map(({ status }) => status).sort((one, other) => one - other)

  const answers = await flood(8)
  t.deepEqual(statuses(answers), [200, 200, 200, 200, 200, 429, 429, 429])
  t.is(answers.find(({ status }) => status === 429)?.headers['retry-after'], '1')
  t.is(held(), 5)
  t.deepEqual(events, ['visitor-refused'])
  // A login, a visitor with a session, a visitor that keeps nothing, and a visitor from another address.
  t.is((await say(`${url}/login`, from('192.0.2.1'))).status, 200)
  const [cookie = ''] = answers.find(({ status }) => status === 200)?.headers['set-cookie'] ?? []
  t.is((await say(`${url}/keep?b=2`, { headers: { ...from('192.0.2.1').headers, cookie } })).status, 200)
  t.is((await say(`${url}/`, from('192.0.2.1'))).status, 200)
  t.is((await say(`${url}/keep?a=1`, from('192.0.2.2'))).status, 200)

  time.nowMs += 1_000
  t.deepEqual(statuses(await flood(3)), [200, 200, 429])
})

test('addresses of one IPv6 network are one address', async (t) => {
  const { url } = await site(t, { visitors: { burstPerAddress: 1, perSecondPerAddress: 1 } })
  t.is((await say(`${url}/keep?a=1`, from('2001:db8::1'))).status, 200)
  t.is((await say(`${url}/keep?a=1`, from('2001:db8::ffff:2'))).status, 429)
  t.is((await say(`${url}/keep?a=1`, from('2001:db8:1::1'))).status, 200)
})

test('a full store takes logins for as long as it has visitors, and then says that it is full', async (t) => {
  const { url, layer } = await site(t, { recordsMax: 10 })
  const visitors = Array.from({ length: 10 }, () => client(url))
  for (const visitor of visitors) await visitor.get('/keep?a=1')
  await layer.health()
  // A user's first login takes two records: the session, and the list of the user's sessions.
  const users = Array.from({ length: 9 }, () => client(url))
  for (const user of users) t.is((await user.get('/login')).status, 200)
  for (const user of users) t.deepEqual((await user.get('/')).body, { user: 'u' })
  t.deepEqual((await visitors[9]?.get('/'))?.body, {})
  await t.throwsAsync(layer.health(), { code: 'STORE_UNAVAILABLE' })
  t.is((await client(url).get('/login')).status, 503)
})

test('an application without users can have all sessions treated alike', async (t) => {
  const { url, layer, time, held } = await site(t, {
    visitors: 'as-users',
    idleTimeoutMs: 20 * MINUTE_MS,
    recordsMax: 150,
  })
  const first = client(url)
  await first.get('/initialise')
  for (let number = 1; number < 150; number++) t.is((await say(`${url}/keep?a=1`)).status, 200)
  t.is(held(), 150)
  t.is((await say(`${url}/keep?a=1`)).status, 503)
  await t.throwsAsync(layer.health(), { code: 'STORE_UNAVAILABLE' })
  time.nowMs += 19 * MINUTE_MS
  t.deepEqual((await first.get('/')).body, { cart: {}, seen: [], name: '', last: null })
})

for (const [visitors, expected] of [
  [{ burstPerAddress: 0 }, /visitors: burstPerAddress takes a whole number from 1, not 0/],
  [{ burst: 1 }, /visitors has no option 'burst'/],
  ['as-user', /visitors takes an object of options, or 'as-users', not 'as-user'/],
] as const) {
  test(`options for visitors that can not be used are refused: ${JSON.stringify(visitors)}`, (t) => {
    const options = { store: memoryStore(), keys: [KEY], secure: false, visitors: visitors as never }
    t.throws(() => sessions(new Koa(), options), { message: expected })
  })
}
