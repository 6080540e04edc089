/** A session's creation that the store carried out, while its answer was lost; then the same request writes again. */
import test from 'ava'
import { isAuxiliary } from '../../src/secrets/id.ts'
import type { SessionStore } from '../../src/contract.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import type { SessionLayer } from '../../src/koa/koa.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { createSessions } from '../../src/web/index.ts'
import { client, type Handler, KEY, shop } from '../support/shop.ts'

/** The first write of a session is carried out without an answer. */
function unanswered(): SessionStore {
  const inner = memoryStore()
  let isFirst = true
  return {
    ...inner,
    async write(key, write) {
      const result = await inner.write(key, write)
      if (!isFirst || isAuxiliary(key)) return result
      isFirst = false
      throw new StoreUnavailableError('memory', new Error('no answer'))
    },
  }
}

const login =
  (onFailed: (error: unknown) => void): Handler =>
  async (ctx) => {
    Object.assign(ctx.session ?? {}, { user: 'u', a: 1 })
    await ctx.session?.save().catch(onFailed)
    Object.assign(ctx.session ?? {}, { b: 2 })
    return 'saved'
  }

const rethrow = (error: unknown): never => {
  throw error
}

const fields: Handler = (ctx) => ctx.session

test('a request that is not told of it is answered 503, as in any outage', async (t) => {
  const browser = client(await shop(t, { '/login': login(rethrow), '/': fields }, { store: unanswered() }))
  t.is((await browser.get('/login')).status, 503)
  t.like((await browser.get('/')).body, { user: 'u', a: 1 })
})

test('a request that goes on writes to the session that it has created, and its user has it in the list', async (t) => {
  let layer: SessionLayer | undefined
  const errors: unknown[] = []
  const routes = { '/login': login((error) => errors.push(error)), '/': fields }
  const browser = client(await shop(t, routes, { store: unanswered() }, (made) => (layer = made)))
  t.is((await browser.get('/login')).status, 200)
  t.true(errors[0] instanceof StoreUnavailableError)
  t.deepEqual((await layer?.users.list('u'))?.length, 1)
  t.deepEqual((await browser.get('/')).body, { user: 'u', a: 1, b: 2 })
})

test('without an adapter a commit that is tried again succeeds', async (t) => {
  const sessions = createSessions<{ user: string; count: number }>({ store: unanswered(), keys: [KEY], secure: false })
  const load = (cookie = '') => sessions.load({ headers: { cookie } })
  const session = await load()
  session.data.user = 'u'
  await t.throwsAsync(session.commit(), { instanceOf: StoreUnavailableError })
  const [header = ''] = await session.commit()
  t.is(sessions.report().created, 1)
  t.is((await sessions.users.list('u')).length, 1)
  t.deepEqual((await load(header.split(';', 1)[0])).data, { user: 'u' })
})

test('a login that is tried again gets an id of its own', async (t) => {
  const sessions = createSessions<{ user: string }>({ store: unanswered(), keys: [KEY], secure: false })
  const load = (cookie = '') => sessions.load({ headers: { cookie } })
  const session = await load()
  await t.throwsAsync(session.login({ user: 'u' }), { instanceOf: StoreUnavailableError })
  await session.login({ user: 'other' })
  const [header = ''] = await session.cookies()
  t.deepEqual((await load(header.split(';', 1)[0])).data, { user: 'other' })
  t.is((await sessions.users.list('u')).length, 0)
  t.is((await sessions.users.list('other')).length, 1)
})
