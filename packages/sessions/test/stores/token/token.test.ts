/** Sessions in their cookies, through Koa: what holds of a session on every node, with nothing of its data kept there. */
import test from 'ava'
import type { Handler } from '../../support/shop.ts'
import { client } from '../../support/shop.ts'
import { at, sharedMemory, tokenNode, tokenNodes } from '../../support/token-nodes.ts'

const routes: Record<string, Handler> = {
  '/login': (ctx) => {
    ctx.session = { ...ctx.session, user: 'ada' }
  },
  '/login-as-bob': (ctx) => {
    ctx.session = { user: 'bob' }
  },
  '/logout': (ctx) => {
    ctx.session = null
  },
  '/regenerate': (ctx) => ctx.session?.regenerate(),
  '/add': (ctx) => ctx.session?.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1)),
  '/look': ({ session }) => ({ user: session?.['user'], count: session?.['count'] }),
  '/id': (ctx) => ctx.session?.externalKey,
}

test('a session written at one node is there at the next, with nothing kept at either', async (t) => {
  const revocations = sharedMemory()
  const [a, b] = await tokenNodes(t, 2, routes, { rules: { revocations } })
  const visitor = client(a.origin)
  t.is((await visitor.get('/add')).body, 1)
  const there = at(b, visitor)
  t.is((await there.get('/add')).body, 2)
  t.deepEqual((await at(a, there).get('/look')).body, { count: 2 })
  t.is(revocations.localSessionCount?.(), 0)
})

test('a request that only reads gives no cookie', async (t) => {
  const node = await tokenNode(t, routes)
  const visitor = client(node.origin)
  t.is((await visitor.get('/add')).setCookie.length, 1)
  t.is((await visitor.get('/look')).setCookie.length, 0)
})

test('a session whose time of expiry has a fraction of a millisecond is there at the next request', async (t) => {
  const fractional = {
    ...routes,
    '/for-a-while': (ctx) => {
      ctx.session = { user: 'ada', count: 1 }
      ctx.session.maxAge = 60_000.5
    },
  } satisfies Record<string, Handler>
  // A visitor's session ends after half of it.
  const node = await tokenNode(t, fractional, { idleTimeoutMs: 60_001 })
  const [visitor, user] = [client(node.origin), client(node.origin)]
  await visitor.get('/add')
  t.deepEqual((await visitor.get('/look')).body, { count: 1 })
  await user.get('/for-a-while')
  t.deepEqual((await user.get('/look')).body, { user: 'ada', count: 1 })
  t.is((await user.get('/add')).body, 2)
  t.is((await node.layer.users.list('ada')).length, 1)
  await node.layer.users.endAll('ada')
  t.deepEqual((await user.get('/look')).body, {})
  t.deepEqual(node.events, ['ended'])
})

test('after a logout no copy of the cookie opens the session, on any node', async (t) => {
  const [a, b] = await tokenNodes(t, 2, routes)
  const user = client(a.origin)
  await user.get('/add')
  const before = { cookie: user.cookie }
  await user.get('/login')
  const stolen = { cookie: user.cookie }
  t.deepEqual((await at(b, stolen).get('/look')).body, { count: 1, user: 'ada' })
  await user.get('/logout')
  t.is(user.cookie, undefined)
  for (const node of [a, b]) {
    t.deepEqual((await at(node, stolen).get('/look')).body, {})
    t.deepEqual((await at(node, before).get('/look')).body, {})
  }
  t.deepEqual(b.events, ['ended', 'ended'])
})

test('after a logout everywhere no cookie of the user opens a session, and one of another user does', async (t) => {
  const [a, b] = await tokenNodes(t, 2, routes)
  const [phone, desk, bob] = [client(a.origin), client(b.origin), client(a.origin)]
  await phone.get('/login')
  await desk.get('/login')
  await bob.get('/login-as-bob')
  const copy = at(a, desk)
  await b.layer.users.endAll('ada')
  for (const each of [phone, desk, copy, at(b, phone)]) t.deepEqual((await each.get('/look')).body, {})
  t.deepEqual((await at(b, bob).get('/look')).body, { user: 'bob' })
})

test('after a change of password the session that changed it goes on, and no earlier copy of it does', async (t) => {
  const time = { nowMs: Date.now() }
  const [a, b] = await tokenNodes(t, 2, routes, { clock: { now: () => time.nowMs } })
  const [user, other] = [client(a.origin), client(b.origin)]
  await user.get('/login')
  await other.get('/login')
  const stolen = at(b, user)
  const { body: id } = await user.get('/id')
  await a.layer.users.endAll('ada', { except: id as string })
  await user.get('/regenerate')
  t.deepEqual((await at(b, user).get('/look')).body, { user: 'ada' })
  t.deepEqual((await other.get('/look')).body, {})
  // The new cookie is used, and the grace of the old one runs.
  await user.get('/look')
  time.nowMs += 10 * 60_000
  t.deepEqual((await stolen.get('/look')).body, {})
  t.true(b.events.includes('theft'))
  t.deepEqual((await user.get('/look')).body, {}, 'a theft ends the session for both')
})

test('a cookie that was rotated away works until the new one has been used, and for a grace after that', async (t) => {
  const time = { nowMs: Date.now() }
  const [a, b] = await tokenNodes(t, 2, routes, { clock: { now: () => time.nowMs } })
  const user = client(a.origin)
  await user.get('/login')
  const old = at(b, user)
  await user.get('/regenerate')
  time.nowMs += 60_000
  t.deepEqual((await old.get('/look')).body, { user: 'ada' }, 'the answer may have been lost')
  await user.get('/look')
  t.deepEqual((await old.get('/look')).body, { user: 'ada' }, 'a request may have been on its way')
})

test('what is changed under a cookie that was rotated away is in a cookie of its own secret', async (t) => {
  const [a, b] = await tokenNodes(t, 2, routes)
  const user = client(a.origin)
  await user.get('/login')
  const late = at(b, user)
  await user.get('/regenerate')
  t.is((await late.get('/add')).body, 1)
  t.deepEqual((await at(a, late).get('/look')).body, { user: 'ada', count: 1 })
})

test('a cookie from before a login is of no use after it', async (t) => {
  const time = { nowMs: Date.now() }
  const [a, b] = await tokenNodes(t, 2, routes, { clock: { now: () => time.nowMs } })
  const victim = client(a.origin)
  await victim.get('/add')
  const planted = at(b, victim)
  await victim.get('/login')
  t.deepEqual((await planted.get('/look')).body, {})
  t.is((await planted.get('/add')).status, 401)
  time.nowMs += 10 * 60_000
  t.deepEqual((await planted.get('/look')).body, {})
  t.deepEqual((await victim.get('/look')).body, { user: 'ada', count: 1 })
})

test('the sessions of a user are listed and ended, without their data', async (t) => {
  const [a, b] = await tokenNodes(t, 2, routes)
  const [phone, desk] = [client(a.origin), client(b.origin)]
  await phone.get('/login')
  await desk.get('/login')
  const { body: id } = await phone.get('/id')
  const listed = await b.layer.users.list('ada')
  t.is(listed.length, 2)
  t.true(await b.layer.users.end('ada', id as string))
  t.deepEqual((await phone.get('/look')).body, {})
  t.deepEqual((await desk.get('/look')).body, { user: 'ada' })
  t.is((await a.layer.users.list('ada')).length, 1)
})

test('a session that each request changes stays in the list of its user, and is ended by it', async (t) => {
  const time = { nowMs: Date.now() }
  const options = { clock: { now: () => time.nowMs }, idleTimeoutMs: 10 * 60_000 }
  const [a, b] = await tokenNodes(t, 2, routes, options)
  const user = client(a.origin)
  await user.get('/login')
  for (let minute = 1; minute <= 20; minute++) {
    time.nowMs += 60_000
    t.is((await user.get('/add')).body, minute)
  }
  t.is((await b.layer.users.list('ada')).length, 1)
  t.true(await b.layer.users.end('ada', (await user.get('/id')).body as string))
  t.deepEqual((await user.get('/look')).body, {})
})

test('a session ends by its idle and its absolute time, which are in the cookie', async (t) => {
  const time = { nowMs: Date.now() }
  const times = { idleTimeoutMs: 60_000, absoluteTimeoutMs: 100_000 }
  const [a, b] = await tokenNodes(t, 2, routes, { clock: { now: () => time.nowMs }, ...times })
  const [idle, busy] = [client(a.origin), client(a.origin)]
  await idle.get('/login')
  await busy.get('/login')
  for (let step = 1; step <= 3; step++) {
    time.nowMs += 25_000
    t.deepEqual((await at(b, busy).get('/look')).body, { user: 'ada' })
    await busy.get('/look')
  }
  t.deepEqual((await at(b, idle).get('/look')).body, {})
  time.nowMs += 25_000
  t.deepEqual((await busy.get('/look')).body, {})
  t.deepEqual(b.events, ['expired'])
})

test('a request with an idempotency key changes its session once, and its repeat gets the answer', async (t) => {
  const { idempotency } = await import('../../../src/koa/idempotency.ts')
  const keyed = idempotency()
  const [a, b] = await tokenNodes(t, 2, {
    ...routes,
    async '/add'(ctx) {
      let result: unknown
      await keyed(ctx, async () => {
        result = ctx.body = { count: await routes['/add']?.(ctx) }
      })
      return ctx.body ?? result
    },
  })
  const user = client(a.origin)
  await user.get('/login')
  const before = at(b, user)
  t.deepEqual((await user.get('/add', 'first')).body, { count: 1 })
  const repeat = await at(b, user).get('/add', 'first')
  t.is(repeat.headers.get('idempotency-replayed'), 'true')
  t.deepEqual(repeat.body, { count: 1 })
  // The answer was lost with its cookie: the change is made anew in the one that the client has.
  t.deepEqual((await before.get('/add', 'first')).body, { count: 1 })
})
