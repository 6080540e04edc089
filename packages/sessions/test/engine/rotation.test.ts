import test from 'ava'
import { SessionGoneError } from '../../src/errors.ts'
import type { EngineOptions } from '../../src/context/engine-options.ts'
import { begun, setUp } from '../support/engine.ts'

const GRACE_MS = 5_000
const REQUEST_MAX_MS = 60_000

test('a rotated id works at once under the same key, and the old one through the grace', async (t) => {
  const { engine, time, reopen, session } = await begun({ cart: 1 }, { rotationGraceMs: GRACE_MS })
  const old = session.id
  session.rotate()
  await session.commit({ cart: 2 })
  t.is(session.id.handle, old.handle)
  t.not(session.id.secret, old.secret)

  const opened = await reopen(session)
  t.deepEqual(opened.take(), { cart: 2 })
  await opened.commit({ cart: 2 })
  time.nowMs += GRACE_MS - 1
  t.deepEqual((await engine.open(old))?.take(), { cart: 2 })
})

test('the grace runs from the first use of the new id: a client that never got it goes on with the old one', async (t) => {
  const { engine, time, reopen, session } = await begun({ cart: 1 }, { rotationGraceMs: GRACE_MS })
  const old = session.id
  session.rotate()
  await session.commit({ cart: 1 })
  time.nowMs += 100 * GRACE_MS
  const goingOn = await engine.open(old)
  await goingOn?.commit({ cart: 2 })
  t.deepEqual((await reopen(session)).take(), { cart: 2 })
})

test('a request that rotates and commits again has not used the new id: the client may never get it', async (t) => {
  const { time, reopen, session } = await begun({ cart: 1 }, { rotationGraceMs: GRACE_MS })
  const old = session.id
  session.rotate()
  await session.commit({ cart: 1 })
  await session.commit(undefined)
  await session.commit({ cart: 2 })
  time.nowMs += 100 * GRACE_MS
  t.deepEqual((await reopen({ id: old })).take(), { cart: 2 })
})

test('a login that a second node carries out late leaves the id working that the first one gave', async (t) => {
  const { engine, time, reopen } = setUp({ rotationGraceMs: GRACE_MS })
  const visitor = engine.create()
  await visitor.commit({ cart: 1 })
  const [first, late] = [await reopen(visitor), await reopen(visitor)]
  for (const login of [first, late]) {
    login.bindIdempotencyKey('login', 'login')
    await login.update(login.take(), (draft) => (draft['user'] = 'u'), 'login')
    await login.commit(login.take())
  }
  t.not(first.id.secret, late.id.secret)
  time.nowMs += 100 * GRACE_MS
  t.like((await engine.open(first.id))?.take(), { user: 'u' })
})

/** A session whose id was rotated, and the new one used. */
async function rotated(options: Partial<EngineOptions> = {}) {
  const under = setUp({ rotationGraceMs: GRACE_MS, requestTimeMaxMs: REQUEST_MAX_MS, ...options })
  const session = under.engine.create()
  await session.commit({ cart: 1 })
  const old = session.id
  session.rotate()
  await session.commit({ cart: 1 })
  const opened = await under.reopen(session)
  await opened.commit(opened.take())
  return { ...under, session, old }
}

test('a request that was under way for longer than the grace sees nothing, and is no theft', async (t) => {
  const { time, old, events, session, reopen } = await rotated()
  time.nowMs += GRACE_MS + REQUEST_MAX_MS - 1
  const late = await reopen({ id: old })
  t.deepEqual(late.take(), {})
  await t.throwsAsync(late.commit({ cart: 2 }), { instanceOf: SessionGoneError })
  t.deepEqual(events, [])
  t.deepEqual((await reopen(session)).take(), { cart: 1 })
})

test('the old id coming back later than any request is theft: it is reported and the session is over', async (t) => {
  const { engine, time, old, events, session } = await rotated()
  time.nowMs += GRACE_MS + REQUEST_MAX_MS
  t.is(await engine.open(old), undefined)
  t.deepEqual(events, ['theft'])
  t.is(await engine.open(session.id), undefined)
})

test('theft can be reported without ending the session', async (t) => {
  const { engine, time, old, events, session } = await rotated({ onTheft: 'report' })
  time.nowMs += GRACE_MS + REQUEST_MAX_MS
  t.is(await engine.open(old), undefined)
  t.deepEqual(events, ['theft'])
  t.truthy(await engine.open(session.id))
})

test('a secret that the session never had, or has forgotten, opens nothing and is not reported as theft', async (t) => {
  const { engine, session, events, reopen } = await rotated()
  t.is(await engine.open({ handle: session.id.handle, secret: engine.create().id.secret }), undefined)
  const first = session.id
  for (let rotation = 0; rotation < 20; rotation++) {
    session.rotate()
    await session.commit({ cart: 1 })
  }
  t.is(await engine.open(first), undefined)
  t.false(events.includes('theft'))
  t.truthy(await reopen(session))
})

test('another user is another id, whether or not the application asked for one', async (t) => {
  const { session } = await begun({ cart: 1 })
  const anonymous = session.id.secret
  await session.commit({ cart: 1, user: 'u' })
  const loggedIn = session.id.secret
  await session.update({ cart: 1, user: 'u' }, (draft) => delete draft['user'])
  t.is(new Set([anonymous, loggedIn, session.id.secret]).size, 3)
})

test('an id from before the login sees nothing of the session, changes nothing and ends nothing', async (t) => {
  const { reopen, events, session } = await begun({ cart: 1 })
  const planted = session.id
  await session.commit({ cart: 1, user: 'victim' })

  const thief = await reopen({ id: planted })
  t.deepEqual(thief.take(), {})
  t.is(thief.info, undefined)
  await thief.commit({})
  await t.throwsAsync(thief.commit({ cart: 2 }), { instanceOf: SessionGoneError })
  const seen: unknown[] = []
  await t.throwsAsync(
    thief.update({}, (draft) => (draft['n'] = seen.push({ ...draft }))),
    { instanceOf: SessionGoneError },
  )
  t.deepEqual(seen, [{}])
  await thief.destroy()
  t.deepEqual((await reopen(session)).take(), { cart: 1, user: 'victim' })
  t.deepEqual(events, [])
})

test('a request that began before the login does not see the logged-in session when it meets it', async (t) => {
  const { reopen, session } = await begun({ cart: 1 })
  const slow = await reopen(session)
  await session.commit({ cart: 1, user: 'victim', secret: true })
  const seen: unknown[] = []
  await t.throwsAsync(
    slow.update({ cart: 1 }, (draft) => (draft['n'] = seen.push({ ...draft }))),
    { instanceOf: SessionGoneError },
  )
  t.deepEqual(seen, [{ cart: 1 }, {}])
  t.deepEqual((await reopen(session)).take(), { cart: 1, user: 'victim', secret: true })
})

test('a login whose answer was lost can be made again with the id of before, and keeps the session', async (t) => {
  const { reopen, session } = await begun({ cart: 1 })
  const before = session.id
  await session.commit({ cart: 1, user: 'u' })

  const again = await reopen({ id: before })
  await again.update({}, (draft) => (draft['user'] = 'u'))
  t.not(again.id.secret, before.secret)
  t.deepEqual((await reopen(again)).take(), { cart: 1, user: 'u' })
})

test('two logins as two people that race end in two sessions, and neither sees the other', async (t) => {
  const { reopen, session } = await begun({ cart: 'nobody' })
  const [one, two] = [await reopen(session), await reopen(session)]
  await one.commit({ cart: 'of one', user: 'one' })
  await two.commit({ cart: 'nobody', user: 'two' })
  t.not(two.id.handle, one.id.handle)
  t.deepEqual((await reopen(one)).take(), { cart: 'of one', user: 'one' })
  t.deepEqual((await reopen(two)).take(), { user: 'two' })
})

test('with an id from before the login another user logs in to a session of their own', async (t) => {
  const { reopen, session } = await begun({ cart: 1 })
  const before = session.id
  await session.commit({ cart: 1, user: 'victim' })
  const other = await reopen({ id: before })
  await other.update({}, (draft) => (draft['user'] = 'other'))
  t.deepEqual((await reopen(other)).take(), { user: 'other' })
  const regenerating = await reopen({ id: before })
  regenerating.rotate()
  await regenerating.commit({ user: 'third' })
  t.deepEqual((await reopen(regenerating)).take(), { user: 'third' })
  t.deepEqual((await reopen(session)).take(), { cart: 1, user: 'victim' })
})

test('requests side by side that log the same user in leave every new id working', async (t) => {
  const { reopen, session } = await begun({ cart: 1 })
  const tabs = [await reopen(session), await reopen(session), await reopen(session)]
  await Promise.all(tabs.map((tab) => tab.commit({ cart: 1, user: 'u' })))
  for (const tab of tabs) t.deepEqual((await reopen(tab)).take(), { cart: 1, user: 'u' })
})

test('a request under way merges its change when the same user rotates meanwhile', async (t) => {
  const { reopen, session } = await begun({ user: 'u' })
  const slow = await reopen(session)
  session.rotate()
  await session.commit({ user: 'u', a: 1 })
  await slow.commit({ user: 'u', b: 2 })
  t.deepEqual((await reopen(session)).take(), { user: 'u', a: 1, b: 2 })
})
