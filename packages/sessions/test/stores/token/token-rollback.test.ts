/** `rollback=detect`: a copy of the cookie from before a later change is refused. */
import test from 'ava'
import { openStore } from '../../../src/stores/open-store.ts'
import { client, type Handler } from '../../support/shop.ts'
import { at, tokenNodes } from '../../support/token-nodes.ts'

const routes: Record<string, Handler> = {
  '/login': (ctx) => {
    ctx.session = { user: 'ada', coupon: true }
  },
  '/use': (ctx) => {
    if (ctx.session?.['coupon'] !== true) return 'none'
    ctx.session = { ...ctx.session, coupon: false }
    return 'used'
  },
  '/look': ({ session }) => ({ coupon: session?.['coupon'] }),
}

const detecting = { rules: { rollback: 'detect' } } as const

test('what a later cookie has given up, an earlier one does not bring back', async (t) => {
  const time = { nowMs: Date.now() }
  const [a, b] = await tokenNodes(t, 2, routes, { ...detecting, clock: { now: () => time.nowMs } })
  const user = client(a.origin)
  await user.get('/login')
  const earlier = at(b, user)
  t.is((await user.get('/use')).body, 'used')
  t.is((await earlier.get('/use')).status, 409, 'a request that was on its way may look, and change nothing')
  time.nowMs += 60_000
  t.is((await earlier.get('/use')).body, 'none')
  t.deepEqual((await earlier.get('/look')).body, {})
  t.deepEqual(b.events, ['cookie-older', 'cookie-older'])
  t.deepEqual((await user.get('/look')).body, { coupon: false })
})

test('a session that is in use goes on with its newest cookie for as long as it lives', async (t) => {
  const time = { nowMs: Date.now() }
  const [a, b] = await tokenNodes(t, 2, routes, { ...detecting, clock: { now: () => time.nowMs } })
  let user = client(a.origin)
  await user.get('/login')
  for (let step = 1; step <= 20; step++) {
    time.nowMs += 10 * 60_000
    user = at(step % 2 === 0 ? a : b, user)
    t.deepEqual((await user.get('/look')).body, { coupon: true })
  }
  t.deepEqual([...a.events, ...b.events], [])
})

test('of two changes at the same time at two nodes the second is refused with 409, and its client keeps its cookie', async (t) => {
  const ready = Promise.withResolvers<void>()
  let arrived = 0
  const meet: Handler = async (ctx) => {
    ctx.session = { ...ctx.session, [String(ctx.query['field'])]: true }
    if (++arrived === 2) ready.resolve()
    await ready.promise
  }
  const [a, b] = await tokenNodes(t, 2, { ...routes, '/meet': meet }, detecting)
  const user = client(a.origin)
  await user.get('/login')
  const answers = await Promise.all([at(a, user).get('/meet?field=a'), at(b, user).get('/meet?field=b')])
  t.deepEqual(new Set(answers.map(({ status }) => status)), new Set([204, 409]))
  const refused = answers.find(({ status }) => status === 409)
  t.is(refused?.setCookie.length, 0)
  t.is(refused?.headers.get('retry-after'), '1')
})

test('the capabilities say what it costs', async (t) => {
  const { capabilities } = await openStore('token:?rollback=detect')
  t.like(capabilities.survivesNodeDeath, {
    excused: 'a node that dies before it answers leaves its client with a cookie that counts as an older copy',
  })
})
