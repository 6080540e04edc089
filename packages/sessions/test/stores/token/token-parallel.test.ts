/** Requests that come at the same time with copies of one cookie. */
import test from 'ava'
import { client, type Handler } from '../../support/shop.ts'
import { at, type TokenNode, tokenNodes } from '../../support/token-nodes.ts'

/** Routes of which each request waits until so many are at work. */
function meeting(size: number): Record<string, Handler> {
  let waiting = Promise.withResolvers<void>()
  let arrived = 0
  const met = async (): Promise<void> => {
    const { promise, resolve } = waiting
    if (++arrived % size === 0) {
      waiting = Promise.withResolvers()
      resolve()
    }
    await promise
  }
  return {
    '/login': (ctx) => {
      ctx.session = { user: 'ada' }
    },
    '/logout': async (ctx) => {
      await met()
      ctx.session = null
    },
    '/login-late': async (ctx) => {
      await met()
      ctx.session = { ...ctx.session, user: 'ada' }
    },
    '/set': async (ctx) => {
      await met()
      ctx.session = { ...ctx.session, [String(ctx.query['field'])]: true }
    },
    '/put': async (ctx) => {
      const { session } = ctx
      if (session === null) return
      session[String(ctx.query['field'])] = true
      await met()
    },
    '/add': async (ctx) => {
      await met()
      return await ctx.session?.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1))
    },
    '/look': ({ session }) => ({
      user: session?.['user'],
      a: session?.['a'],
      b: session?.['b'],
      count: session?.['count'],
    }),
  }
}

/** One user's requests at these nodes, which run at the same time. */
async function together(cookie: string | undefined, ...requests: readonly (readonly [TokenNode, path: string])[]) {
  return await Promise.all(
    requests.map(async ([node, path]) => {
      const user = at(node, { cookie })
      const { status, body } = await user.get(path)
      return { user, status, body }
    }),
  )
}

test('two tabs at one node are merged: the later answer has the changes of both', async (t) => {
  const [a] = await tokenNodes(t, 2, meeting(2))
  const user = client(a.origin)
  await user.get('/login')
  const answers = await together(user.cookie, [a, '/put?field=a'], [a, '/put?field=b'])
  const seen = await Promise.all(answers.map(async ({ user }) => (await user.get('/look')).body as object))
  t.true(
    seen.some((body) => 'a' in body && 'b' in body),
    JSON.stringify(seen),
  )
})

test('updates of one session at one node each count', async (t) => {
  const [a] = await tokenNodes(t, 2, meeting(5))
  const user = client(a.origin)
  await user.get('/login')
  const answers = await together(user.cookie, ...Array.from({ length: 5 }, () => [a, '/add'] as const))
  t.deepEqual(new Set(answers.map(({ body }) => body)), new Set([1, 2, 3, 4, 5]))
})

test('of two tabs at two nodes the browser keeps the later answer, as the capabilities say', async (t) => {
  const [a, b] = await tokenNodes(t, 2, meeting(2))
  const user = client(a.origin)
  await user.get('/login')
  const [one, other] = await together(user.cookie, [a, '/put?field=a'], [b, '/put?field=b'])
  t.deepEqual([one?.status, other?.status], [204, 204])
  t.deepEqual((await other?.user.get('/look'))?.body, { user: 'ada', b: true })
})

test('a logout beside a change is final, whichever answer the browser keeps', async (t) => {
  const [a, b] = await tokenNodes(t, 2, meeting(2))
  const user = client(a.origin)
  await user.get('/login')
  const [change] = await together(user.cookie, [a, '/put?field=a'], [b, '/logout'])
  t.true([204, 401].includes(change?.status ?? 0))
  t.deepEqual((await change?.user.get('/look'))?.body, {})
  t.deepEqual((await at(b, user).get('/look')).body, {})
})

test('a change that a visitor began before a login does not take the login back', async (t) => {
  const nodes = await tokenNodes(t, 2, { ...meeting(1), ...slow() })
  const [a, b] = nodes
  const user = client(a.origin)
  await user.get('/set?field=a')
  const late = at(b, user)
  const answer = late.get('/slow')
  await atWork.promise
  await user.get('/login-late')
  goOn.resolve()
  t.is((await answer).status, 401)
  t.deepEqual((await answer).setCookie, [])
  t.deepEqual((await at(b, user).get('/look')).body, { user: 'ada', a: true })
})

const [atWork, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]

function slow(): Record<string, Handler> {
  return {
    '/slow': async (ctx) => {
      if (ctx.session !== null) ctx.session['b'] = true
      atWork.resolve()
      await goOn.promise
    },
  }
}
