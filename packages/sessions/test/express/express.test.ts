import test from 'ava'
import type { SessionKey } from '../../src/contract.ts'
import { expressStore, fastifyStore } from '../../src/express/express.ts'
import { sessionKey } from '../../src/secrets/id.ts'
import { resolve } from '../../src/record/merge.ts'
import { middlewareKey } from '../../src/express/middleware-session.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { MINUTE_MS, START_MS } from '../support/engine.ts'
import { eachMiddleware, gathering, set } from '../support/each-middleware.ts'

eachMiddleware('fields survive, a Date as a Date', {}, async (t, { app }) => {
  const when = new Date(0)
  const id = await app.visit(undefined, set({ user: 'u', when, cart: { items: [1] } }))
  await app.visit(id, ({ session }) => {
    t.like(session, { user: 'u', when, cart: { items: [1] } })
    ;(session['cart'] as { items: number[] }).items.push(2)
  })
  t.like(await app.find(id), { user: 'u', when, cart: { items: [1, 2] } })
})

eachMiddleware('three tabs at once lose nothing that they changed, added or removed', {}, async (t, { app }) => {
  const id = await app.visit(undefined, set({ user: 'u', old: 1 }))
  const everyoneRead = gathering(3)
  const tab = (change: (session: Record<string, unknown>) => void): Promise<string> =>
    app.visit(id, async ({ session }) => {
      await everyoneRead()
      change(session)
    })
  await Promise.all([
    tab((session) => (session['a'] = 1)),
    tab((session) => (session['b'] = 2)),
    tab((session) => delete session['old']),
  ])
  const fields = await app.find(id)
  t.like(fields, { user: 'u', a: 1, b: 2 })
  t.false('old' in (fields ?? {}))
})

eachMiddleware('a resolver makes a counter of a field', { resolvers: { visits: resolve.sum } }, async (t, { app }) => {
  const id = await app.visit(undefined, set({ visits: 0 }))
  const everyoneRead = gathering(6)
  const visits = Array.from({ length: 6 }, () =>
    app.visit(id, async ({ session }) => {
      await everyoneRead()
      session['visits'] = Number(session['visits']) + 1
    }),
  )
  await Promise.all(visits)
  t.like(await app.find(id), { visits: 6 })
})

eachMiddleware('a request that saves twice is merged from where it stands', {}, async (t, { app }) => {
  const id = await app.visit(undefined, async ({ session, save }) => {
    session['a'] = 1
    await save()
    session['b'] = 2
    await save()
    delete session['a']
  })
  t.like(await app.find(id), { b: 2 })
  t.is((await app.find(id))?.['a'], undefined)
})

eachMiddleware('two saves at once of a new session make one session', {}, async (t, { app }) => {
  const id = await app.visit(undefined, async ({ session, save }) => {
    session['a'] = 1
    await Promise.all([save(), save()])
  })
  t.like(await app.find(id), { a: 1 })
})

eachMiddleware('logout is final, however late a request that began before it', {}, async (t, { app, time }) => {
  const id = await app.visit(undefined, set({ user: 'u' }))
  const write = app.visit(id, async ({ session }) => {
    await app.visit(id, ({ destroy }) => destroy())
    time.nowMs += 10 * MINUTE_MS
    session['late'] = true
  })
  await t.throwsAsync(write, { code: 'SESSION_GONE' })
  t.falsy(await app.find(id))
})

eachMiddleware(
  'a request that only read does not fail for a logout, and brings nothing back',
  {},
  async (t, { app, time }) => {
    const id = await app.visit(undefined, set({ user: 'u' }))
    await app.visit(id, async () => {
      await app.visit(id, ({ destroy }) => destroy())
      time.nowMs += MINUTE_MS
    })
    t.falsy(await app.find(id))
  },
)

eachMiddleware('regenerate gives another session, and the old one is over', {}, async (t, { app }) => {
  const id = await app.visit(undefined, set({ planted: true }))
  const after = await app.visit(id, async (visit) => {
    await visit.regenerate()
    visit.session['user'] = 'u'
  })
  t.not(after, id)
  t.falsy(await app.find(id))
  t.like(await app.find(after), { user: 'u' })
})

eachMiddleware('what was read is not carried into a session under another id', {}, async (t, { app }) => {
  const id = await app.visit(undefined, set({ cart: 1 }))
  const after = await app.visit(id, async (visit) => {
    const before = { ...visit.session }
    await visit.regenerate()
    Object.assign(visit.session, before, { user: 'u' })
  })
  t.like(await app.find(after), { cart: 1, user: 'u' })
  t.falsy(await app.find(id))
})

eachMiddleware('the store sees a hash of the id, and the id nowhere', {}, async (t, { app, keys, store }) => {
  const id = await app.visit(undefined, set({ user: 'u' }))
  const [key] = [...keys] as [SessionKey]
  t.deepEqual([...keys], [middlewareKey(id)])
  t.not(key, sessionKey(id), 'a session of Koa with this handle would be another')
  t.false((await store.read(key))?.body.includes(id))
})

eachMiddleware(
  'a session over its limit is refused by name, and the stored one is unharmed',
  { dataBytesMax: 1_000 },
  async (t, { app }) => {
    const id = await app.visit(undefined, set({ user: 'u' }))
    await t.throwsAsync(app.visit(id, set({ huge: 'x'.repeat(1_000) })), { code: 'SESSION_TOO_LARGE', message: /huge/ })
    await t.throwsAsync(app.visit(id, set({ map: new Map() })), {
      code: 'SESSION_VALUE',
      message: /session\.map is a Map/,
    })
    t.like(await app.find(id), { user: 'u' })
  },
)

eachMiddleware('a record that does not parse is an error, and is left alone', {}, async (t, { app, keys, store }) => {
  const id = await app.visit(undefined, set({ user: 'u' }))
  const [key] = [...keys] as [SessionKey]
  const damaged = { expectedVersion: 1, expiresAtMs: START_MS + MINUTE_MS, body: '{"s":99,"d":{}}' }
  await store.write(key, damaged)
  await t.throwsAsync(app.visit(id, set({ user: 'v' })), { code: 'RECORD_UNREADABLE' })
  t.is((await store.read(key))?.body, damaged.body)
})

eachMiddleware(
  'a store that is down is told to the callback, but not where it is, and the session is unharmed',
  {},
  async (t, { app, down }) => {
    const unavailable = { code: 'STORE_UNAVAILABLE', message: 'The session store is not available.' }
    const id = await app.visit(undefined, set({ user: 'u' }))
    await app.visit(id, async ({ session, save, destroy }) => {
      for (const verb of ['read', 'write', 'destroy']) down.add(verb)
      const { cause } = await t.throwsAsync(app.find(id), unavailable)
      t.regex(String(cause), /The session store \(memory\)/)
      await t.throwsAsync(destroy(), unavailable)
      session['a'] = 1
      await t.throwsAsync(save(), unavailable)
      delete session['a']
      down.clear()
    })
    t.like(await app.find(id), { user: 'u', a: undefined })
  },
)

eachMiddleware('a new session that could not be saved can be saved again', {}, async (t, { app, down }) => {
  const id = await app.visit(undefined, async ({ session, save }) => {
    session['user'] = 'u'
    down.add('read')
    await t.throwsAsync(save(), { code: 'STORE_UNAVAILABLE' })
    down.clear()
  })
  t.like(await app.find(id), { user: 'u' })
})

test('an object that was not made from a read replaces what is stored, as the interface demands', async (t) => {
  const store = fastifyStore({ store: memoryStore() })
  const saved = (fields: object) =>
    new Promise<void>((done, fail) => {
      store.set('id', fields, (error) => (error === null ? done() : fail(error)))
    })
  await saved({ cookie: {}, user: 'u', cart: 1 })
  await saved({ cookie: {}, user: 'v' })
  const found = await new Promise<object | undefined>((done, fail) => {
    store.get('id', (error, fields) => (error === null ? done(fields) : fail(error)))
  })
  t.deepEqual(JSON.parse(JSON.stringify(found)), { cookie: {}, user: 'v' })
})

test('express-session gets an instance of its own Store, and verbs that do not need a callback', async (t) => {
  class Store {
    createSession(_request: never, fields: object): object {
      return fields
    }
  }
  const store = expressStore({ store: memoryStore(), Store })
  t.true(store instanceof Store)
  const verbs = store as unknown as {
    set(id: string, fields: object): void
    destroy(id: string, done?: () => void): void
  }
  verbs.set('id', { cookie: {}, broken: new Map() })
  verbs.destroy('id')
  await new Promise<void>((done) => verbs.destroy('id', done))
})
