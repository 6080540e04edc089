/** A service without an adapter and one on Koa have the same session: a field that Koa can't hold is refused in both. */
import test from 'ava'
import { sessionEngine } from '../../src/engine/engine.ts'
import { cookieSealer } from '../../src/secrets/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { createSessions } from '../../src/web/index.ts'
import { client, KEY, shop } from '../support/shop.ts'

function service() {
  const store = memoryStore()
  const sessions = createSessions({ store, keys: [KEY], secure: false })
  return { store, load: (cookie = '') => sessions.load({ headers: { cookie } }) }
}

for (const name of ['_csrf', 'length', 'save', 'single', 'update']) {
  test(`a field named ${name} is refused where it is set, and nothing is stored`, async (t) => {
    const { store, load } = service()
    const refused = { code: 'SESSION_VALUE', message: new RegExp(`^session\\.${name} is a field `) }
    const session = await load()
    session.data[name] = 'x'
    await t.throwsAsync(session.commit(), refused)
    delete session.data[name]
    const change = session.update((draft) => (draft[name] = 'x'))
    await t.throwsAsync(change, refused)
    await t.throwsAsync(session.login({ user: 'u', [name]: 'x' }), refused)
    t.deepEqual(await session.commit(), [])
    t.is(store.localSessionCount?.(), 0)
  })
}

test('what one service sets stays through requests of the other', async (t) => {
  const { store, load } = service()
  const session = await load()
  session.data['csrf'] = 'token'
  const [header = ''] = await session.commit()
  const cookie = header.split(';', 1)[0] ?? ''
  const koa = client(await shop(t, { '/set': (ctx) => void Object.assign(ctx.session, { a: 1 }) }, { store }), cookie)
  await koa.get('/set')
  t.deepEqual((await load(cookie)).data, { csrf: 'token', a: 1 })
})

test('a name that was stored before it was refused is left out, and breaks no request', async (t) => {
  const { store, load } = service()
  const stored = sessionEngine({ store }).create()
  await stored.commit({ _csrf: 'token', a: 1 })
  const cookie = `sid=${cookieSealer([KEY]).seal(stored.id)}`
  const session = await load(cookie)
  t.deepEqual(session.data, { a: 1 })
  await session.update((draft) => (draft['a'] = 2))
  await session.commit()
  t.deepEqual((await load(cookie)).data, { a: 2 })
})
