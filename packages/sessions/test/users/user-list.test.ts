import test, { type ExecutionContext } from 'ava'
import Koa from 'koa'
import type { SessionKey, SessionStore } from '../../src/contract.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { type SessionLayer, sessions, type SessionsOptions } from '../../src/koa/koa.ts'
import { userTag } from '../../src/secrets/id.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { decodeIndex, indexKey } from '../../src/users/user-index.ts'
import { START_MS } from '../support/engine.ts'
import { listening } from '../support/koa-server.ts'
import { type Client, client, KEY } from '../support/shop.ts'

const HOUR_MS = 60 * 60_000

interface Site {
  readonly url: string
  readonly users: SessionLayer['users']
  readonly store: SessionStore
  readonly events: string[]
  readonly time: { nowMs: number }
  /** The next write to this user's list fails. */
  readonly failList: (user: string) => void
  /** Lets something happen between the next read of this key and its answer. */
  readonly afterRead: (key: SessionKey, happen: () => Promise<void>) => Promise<void>
}

/** An application where `/as/NAME` logs in, and any other path shows the session. */
async function site(t: ExecutionContext, options: Partial<SessionsOptions> = {}): Promise<Site> {
  const time = { nowMs: START_MS }
  const clock = { now: () => time.nowMs }
  const inner = memoryStore({ clock })
  const failing = new Set<SessionKey>()
  const happenings = new Map<SessionKey, () => Promise<void>>()
  const store: SessionStore = {
    ...inner,
    async read(key) {
      const record = await inner.read(key)
      const happen = happenings.get(key)
      happenings.delete(key)
      await happen?.()
      return record
    },
    write: (key, write) =>
      failing.delete(key) ? Promise.reject(new StoreUnavailableError('memory')) : inner.write(key, write),
  }
  const events: string[] = []
  const app = new Koa()
  const onEvent: SessionsOptions['onEvent'] = ({ event }) => void events.push(event)
  const layer = sessions(app, { store, clock, keys: [KEY], secure: false, onEvent, ...options })
  app.use((ctx) => {
    const [, name] = /^\/as\/(\w+)$/.exec(ctx.path) ?? []
    if (name !== undefined && ctx.session !== null) ctx.session['user'] = name
    ctx.body = { user: ctx.session?.['user'] ?? null, id: ctx.sessionInfo?.id ?? null }
  })
  const url = await listening(t, app)
  const afterRead: Site['afterRead'] = (key, happen) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    happenings.set(key, async () => {
      await happen()
      resolve()
    })
    return promise
  }
  const failList: Site['failList'] = (user) => void failing.add(indexKey(userTag(user)))
  return { url, users: layer.users, store, events, time, failList, afterRead }
}

/** A browser in which first `u` and then `v` logged in, after which the node failed to take the session out of u's list. */
async function sharedBrowser({ url, failList }: Site): Promise<{ browser: Client; id: string }> {
  const browser = client(url)
  await browser.get('/as/u')
  failList('u')
  await browser.get('/as/v')
  const { id } = (await browser.get('/')).body as { id: string }
  return { browser, id }
}

async function listedIn(store: SessionStore, user: string): Promise<SessionKey[]> {
  const record = await store.read(indexKey(userTag(user)))
  return record === undefined ? [] : decodeIndex(record.body).sessions.map(({ key }) => key)
}

/** What another program version, or a broken disk, may leave. */
async function damage(store: SessionStore, id: string): Promise<void> {
  const key = id as SessionKey
  const { version = 0, expiresAtMs = 0 } = (await store.read(key)) ?? {}
  await store.write(key, { expectedVersion: version, expiresAtMs, body: '{"s":2,"d":{}}' })
}

test("a user's list does not show the session that another user took over, and is mended by looking at it", async (t) => {
  const shop = await site(t)
  const { id } = await sharedBrowser(shop)
  t.deepEqual(shop.events, ['index-failed'])
  t.deepEqual(await listedIn(shop.store, 'u'), [id as SessionKey])
  t.deepEqual(await shop.users.list('u'), [])
  t.deepEqual(await listedIn(shop.store, 'u'), [])
})

test('a user can not end the session that another user took over', async (t) => {
  const shop = await site(t)
  const { browser, id } = await sharedBrowser(shop)
  t.false(await shop.users.end('u', id))
  t.deepEqual((await browser.get('/')).body, { user: 'v', id })
  t.deepEqual(await listedIn(shop.store, 'u'), [])
})

for (const how of ['end', 'endAll'] as const) {
  test(`${how}: a login of another user between the look at a session and its end stands`, async (t) => {
    const shop = await site(t)
    const browser = client(shop.url)
    await browser.get('/as/u')
    const { id } = (await browser.get('/')).body as { id: string }
    const looked = shop.afterRead(id as SessionKey, async () => void (await browser.get('/as/v')))
    if (how === 'end') t.false(await shop.users.end('u', id))
    else await shop.users.endAll('u')
    await looked
    const { body } = await browser.get('/')
    t.like(body, { user: 'v' })
    // Ended all at once, the session was over before the login asked for it, and the login began another.
    t.is((body as { id: string }).id === id, how === 'end')
  })
}

test('ending all sessions of a user leaves the one that another user took over', async (t) => {
  const shop = await site(t)
  const { browser, id } = await sharedBrowser(shop)
  await shop.users.endAll('u')
  t.deepEqual((await browser.get('/')).body, { user: 'v', id })
})

test('a login over the cap neither ends the session that another user took over, nor one that is in use for it', async (t) => {
  const shop = await site(t, { sessionsPerUserMax: 1 })
  const { browser, id } = await sharedBrowser(shop)
  await client(shop.url).get('/as/u')
  t.deepEqual((await browser.get('/')).body, { user: 'v', id })
  t.is((await shop.users.list('u')).length, 1)
})

test('a list that can not be mended now is shown all the same', async (t) => {
  const shop = await site(t)
  await sharedBrowser(shop)
  shop.failList('u')
  t.deepEqual(await shop.users.list('u'), [])
  t.deepEqual(shop.events, ['index-failed', 'index-failed'])
})

test('an unreadable session is listed as that beside the others, and can be ended alone or with all', async (t) => {
  const shop = await site(t)
  for (let login = 0; login < 3; login++) await client(shop.url).get('/as/u')
  const [first, second] = await shop.users.list('u')
  await damage(shop.store, first?.id ?? '')
  await damage(shop.store, second?.id ?? '')

  const listed = await shop.users.list('u')
  t.is(listed.length, 3)
  t.deepEqual(
    new Set(listed.filter(({ unreadable }) => unreadable).map(({ id }) => id)),
    new Set([first?.id, second?.id]),
  )
  t.true(await shop.users.end('u', first?.id ?? ''))
  t.is(await shop.store.read(first?.id as SessionKey), undefined)
  await shop.users.endAll('u')
  t.is(await shop.store.read(second?.id as SessionKey), undefined)
  t.deepEqual(await shop.users.list('u'), [])
})

test('the last use of a session is listed also when the absolute timeout keeps its expiry from moving', async (t) => {
  const shop = await site(t, { idleTimeoutMs: 12 * HOUR_MS, absoluteTimeoutMs: 24 * HOUR_MS })
  const browser = client(shop.url)
  await browser.get('/as/u')
  for (const hour of [6, 11, 13, 18, 23]) {
    shop.time.nowMs = START_MS + hour * HOUR_MS
    await browser.get('/')
    const [session] = await shop.users.list('u')
    t.is(session?.lastSeenAtMs, shop.time.nowMs)
    shop.time.nowMs += HOUR_MS / 2
    t.is((await shop.users.list('u'))[0]?.lastSeenAtMs, session?.lastSeenAtMs)
  }
  t.is((await shop.users.list('u'))[0]?.expiresAtMs, START_MS + 24 * HOUR_MS)
})

test('reading beyond that writes no more often than touches do', async (t) => {
  const shop = await site(t, { idleTimeoutMs: HOUR_MS, absoluteTimeoutMs: HOUR_MS })
  const browser = client(shop.url)
  const { id } = (await browser.get('/as/u')).body as { id: string | null }
  t.is(id, null)
  const key = (await shop.users.list('u'))[0]?.id as SessionKey
  for (let read = 0; read < 10; read++) {
    shop.time.nowMs += HOUR_MS / 200
    await browser.get('/')
  }
  t.is((await shop.store.read(key))?.version, 1 + 5)
})
