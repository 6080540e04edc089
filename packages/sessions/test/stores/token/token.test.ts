/** Sessions in their cookies, through Koa: what holds of a session on every node, with nothing of its data kept there. */
import test from 'ava'
import type { Handler } from '../../support/shop.ts'
import { client } from '../../support/shop.ts'
import { at, sharedMemory, tokenNode } from '../../support/token-nodes.ts'

const routes: Record<string, Handler> = {
  '/login': (ctx) => {
    ctx.session = { ...ctx.session, user: 'ada' }
  },
  '/logout': (ctx) => {
    ctx.session = null
  },
  '/add': (ctx) => ctx.session?.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1)),
  '/look': ({ session }) => ({ user: session?.['user'], count: session?.['count'] }),
}

test('a session written at one node is there at the next, with nothing kept at either', async (t) => {
  const revocations = sharedMemory()
  const [a, b] = [
    await tokenNode(t, routes, { rules: { revocations } }),
    await tokenNode(t, routes, { rules: { revocations } }),
  ]
  const visitor = client(a.origin)
  t.is((await visitor.get('/add')).body, 1)
  const there = at(b, visitor)
  t.is((await there.get('/add')).body, 2)
  t.deepEqual((await at(a, there).get('/look')).body, { count: 2 })
  t.is(revocations.localSessionCount?.(), 0)
})

test('after a logout no copy of the cookie opens the session, on any node', async (t) => {
  const revocations = sharedMemory()
  const [a, b] = [
    await tokenNode(t, routes, { rules: { revocations } }),
    await tokenNode(t, routes, { rules: { revocations } }),
  ]
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
  t.deepEqual(b.events.filter((event) => event === 'ended').length, 2)
})
