import test from 'ava'
import type { EngineStep } from '../../src/context/engine-options.ts'
import {
  RecordUnreadableError,
  SessionConflictError,
  SessionGoneError,
  StoreUnavailableError,
} from '../../src/errors.ts'
import { sessionKey } from '../../src/secrets/id.ts'
import type { OpenSession } from '../../src/engine/session.ts'
import { begun, MINUTE_MS, setUp, START_MS } from '../support/engine.ts'

test('a session is stored by its first commit and not before', async (t) => {
  const { engine, reopen } = setUp()
  const session = engine.create()
  t.is(await engine.open(session.id), undefined)
  t.is(session.info, undefined)
  await session.commit({ user: 'u' })
  t.deepEqual((await reopen(session)).take(), { user: 'u' })
  t.is(session.info?.version, 1)
})

test('what a caller does to the data it was given changes nothing that is stored', async (t) => {
  const { reopen, session } = await begun({ cart: { a: 1 } })
  const data = (await reopen(session)).take() as { cart: { a: number } }
  data.cart.a = 99
  t.deepEqual((await reopen(session)).take(), { cart: { a: 1 } })
})

test('a commit of what is there already writes nothing', async (t) => {
  const { reopen, session } = await begun({ a: 1 })
  const opened = await reopen(session)
  await opened.commit({ a: 1 })
  t.is(opened.info?.version, 1)
})

test('an update that changes nothing writes nothing and still gives its result', async (t) => {
  const { reopen, session } = await begun({ user: 'u' })
  const opened = await reopen(session)
  t.is(await opened.update({ user: 'u' }, (draft) => draft['user']), 'u')
  t.is((await reopen(session)).info?.version, 1)
})

test('requests side by side that change different fields all keep their change', async (t) => {
  const { reopen, events, session } = await begun({ start: true })
  const tabs = await Promise.all(['a', 'b', 'c', 'd'].map(async (field) => ({ field, tab: await reopen(session) })))
  await Promise.all(tabs.map(({ field, tab }) => tab.commit({ ...tab.take(), [field]: 1 })))
  t.deepEqual((await reopen(session)).take(), { start: true, a: 1, b: 1, c: 1, d: 1 })
  t.true(events.includes('merged'))
})

function increment(session: OpenSession): Promise<unknown> {
  return session.update({ count: 0 }, (draft) => (draft['count'] = (draft['count'] as number) + 1))
}

test('updates side by side count every one, also two in one request', async (t) => {
  const { reopen, session } = await begun({ count: 0 })
  const tabs = await Promise.all(Array.from({ length: 6 }, () => reopen(session)))
  const results = await Promise.all([...tabs, ...tabs].map(increment))
  t.deepEqual(
    results.sort((a, b) => Number(a) - Number(b)),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  )
  t.deepEqual((await reopen(session)).take(), { count: 12 })
})

test('a field that a request changed, committed and changed back ends as it was', async (t) => {
  const { reopen, session } = await begun({ a: 1 })
  const opened = await reopen(session)
  await opened.commit({ a: 2 })
  await opened.commit({ a: 1 })
  t.deepEqual((await reopen(session)).take(), { a: 1 })
})

test('a commit that failed can be made again, and is not taken for done', async (t) => {
  const { engine, store, reopen } = setUp()
  const write = store.write.bind(store)
  const begun = engine.create()
  store.write = () => Promise.reject(new StoreUnavailableError('memory'))
  await t.throwsAsync(begun.commit({ user: 'u', n: 1 }), { instanceOf: StoreUnavailableError })
  store.write = write
  await begun.commit({ user: 'u', n: 1 })
  t.deepEqual((await reopen(begun)).take(), { user: 'u', n: 1 })

  const opened = await reopen(begun)
  store.write = () => Promise.reject(new StoreUnavailableError('memory'))
  await t.throwsAsync(
    opened.update({ user: 'u', n: 2 }, (draft) => (draft['m'] = 1)),
    { instanceOf: StoreUnavailableError },
  )
  store.write = write
  await opened.commit({ user: 'u', n: 2 })
  t.deepEqual((await reopen(begun)).take(), { user: 'u', n: 2 })
})

test('an update commits the changes the request made before it, in the same write', async (t) => {
  const { reopen, session } = await begun({ a: 1 })
  await session.update({ a: 1, b: 2 }, (draft) => (draft['c'] = 3))
  t.deepEqual((await reopen(session)).take(), { a: 1, b: 2, c: 3 })
  t.is(session.info?.version, 2)
})

test('a commit that never gets its turn gives up with both values and changes nothing', async (t) => {
  const { store, reopen, session } = await begun({ n: 0 }, { commitAttemptsMax: 3 })
  const slow = await reopen(session)
  let rival = 0
  const write = store.write.bind(store)
  store.write = async (key, change) => {
    const current = await store.read(key)
    if (current)
      await write(key, {
        ...change,
        expectedVersion: current.version,
        body: current.body.replace(/\d+}}$/, `${++rival}}}`),
      })
    return await write(key, change)
  }
  const error = await t.throwsAsync(slow.commit({ n: 'mine' }), {
    instanceOf: SessionConflictError,
    code: 'SESSION_CONFLICT',
  })
  t.deepEqual([error.mine, error.theirs], [{ n: 'mine' }, { n: 3 }])
})

test('what another user has left there is not told to a commit that gives up', async (t) => {
  const { store, reopen, session } = await begun({ n: 0 }, { commitAttemptsMax: 1 })
  const slow = await reopen(session)
  const other = await reopen(session)
  const write = store.write.bind(store)
  store.write = async (key, change) => {
    store.write = write
    await other.commit({ user: 'v', pin: 4711 })
    return await write(key, change)
  }
  const error = await t.throwsAsync(slow.commit({ n: 'mine' }), { instanceOf: SessionConflictError })
  t.deepEqual([error.mine, error.theirs], [{ n: 'mine' }, undefined])
})

test('after a logout nothing that began before it can bring the session back', async (t) => {
  const { engine, reopen, time, session } = await begun({ user: 'u' })
  const [slow, reader] = await Promise.all([reopen(session), reopen(session)])
  await session.destroy()
  await t.throwsAsync(slow.commit({ user: 'u', late: true }), { instanceOf: SessionGoneError })
  await t.throwsAsync(
    slow.update({ user: 'u' }, (draft) => (draft['count'] = 1)),
    { instanceOf: SessionGoneError },
  )
  time.nowMs += MINUTE_MS
  await reader.commit({ user: 'u' })
  t.is(await engine.open(session.id), undefined)
})

test('the request that destroyed a session can not write it either', async (t) => {
  const { session } = await begun({ user: 'u' })
  await session.destroy()
  await t.throwsAsync(session.commit({ user: 'again' }), { instanceOf: SessionGoneError })
})

test('a session ends when it is idle for too long, and a read keeps it alive', async (t) => {
  const { engine, time, reopen, session } = await begun({ user: 'u' }, { idleTimeoutMs: 10 * MINUTE_MS })
  for (let visit = 0; visit < 5; visit++) {
    time.nowMs += 9 * MINUTE_MS
    const opened = await reopen(session)
    await opened.commit(opened.take())
  }
  time.nowMs += 10 * MINUTE_MS - 1
  t.truthy(await engine.open(session.id))
  time.nowMs += 1
  t.is(await engine.open(session.id), undefined)
})

test('a session ends at its absolute age, however much it is used', async (t) => {
  const { engine, time, reopen, session } = await begun(
    { user: 'u' },
    { idleTimeoutMs: 10 * MINUTE_MS, absoluteTimeoutMs: 25 * MINUTE_MS },
  )
  for (const atMinute of [8, 16, 24]) {
    time.nowMs = START_MS + atMinute * MINUTE_MS
    const opened = await reopen(session)
    await opened.commit({ user: 'u', a: atMinute })
  }
  time.nowMs = START_MS + 25 * MINUTE_MS
  t.is(await engine.open(session.id), undefined)
})

test('a login begins the age anew: a visitor who came long ago is not logged out for it', async (t) => {
  const { engine, time, reopen } = setUp({
    idleTimeoutMs: 20 * MINUTE_MS,
    visitors: { idleTimeoutMs: 20 * MINUTE_MS },
    absoluteTimeoutMs: 25 * MINUTE_MS,
  })
  const session = engine.create()
  await session.commit({ cart: 1 })
  time.nowMs += 15 * MINUTE_MS
  await session.commit({ cart: 1, user: 'u' })
  time.nowMs += 15 * MINUTE_MS
  t.deepEqual((await reopen(session)).take(), { cart: 1, user: 'u' })
  t.is((await reopen(session)).info?.createdAtMs, time.nowMs - 15 * MINUTE_MS)
})

test('reads in quick succession touch the store once an interval, not once each', async (t) => {
  const { engine, store, time, reopen } = setUp({ idleTimeoutMs: 100 * MINUTE_MS })
  let touches = 0
  const touch = store.touch.bind(store)
  store.touch = (key, expiresAtMs) => (touches++, touch(key, expiresAtMs))
  const session = engine.create()
  await session.commit({ user: 'u' })
  for (let second = 0; second < 120; second++) {
    time.nowMs += 1_000
    const opened = await reopen(session)
    await opened.commit(opened.take())
  }
  t.is(touches, 2)
})

test('a stored record that can not be read is reported and left as it is', async (t) => {
  const { engine, store } = setUp()
  const session = engine.create()
  const key = sessionKey(session.id.handle)
  const later = { expectedVersion: 0, expiresAtMs: START_MS + MINUTE_MS, body: '{"s":2,"d":{}}' }
  await store.write(key, later)
  await t.throwsAsync(engine.open(session.id), { instanceOf: RecordUnreadableError })
  t.is((await store.read(key))?.body, later.body)
})

test('a request passes the named steps in their order', async (t) => {
  const steps: EngineStep[] = []
  const { reopen, session } = await begun({ a: 1 }, { onStep: (step) => void steps.push(step) })
  const opened = await reopen(session)
  await opened.commit(opened.take())
  await opened.commit({ a: 2 })
  t.deepEqual(steps, ['before-commit', 'after-commit', 'before-read', 'before-commit', 'after-commit'])
})

test('moving the expiry and ending a session are commits, too', async (t) => {
  const steps: EngineStep[] = []
  const { engine, time, reopen, session } = await begun({ a: 1 }, { onStep: (step) => void steps.push(step) })
  time.nowMs += MINUTE_MS
  steps.length = 0
  const looking = await reopen(session)
  await looking.commit(looking.take())
  t.deepEqual(steps, ['before-read', 'before-commit', 'after-commit'], 'a touch')
  steps.length = 0
  await (await reopen(session)).destroy()
  t.deepEqual(steps, ['before-read', 'before-commit', 'after-commit'], 'a logout')
  steps.length = 0
  await engine.create().destroy()
  t.deepEqual(steps, [], 'of what no store knows there is nothing to end')
})

test('a session has not ended before its commit, and has after it', async (t) => {
  const died = new Error('dies here')
  let point: EngineStep | undefined
  const { engine } = setUp({
    onStep: (step) => {
      if (step === point) throw died
    },
  })
  for (const [at, isOpen] of [
    ['before-commit', true],
    ['after-commit', false],
  ] as const) {
    const session = engine.create()
    await session.commit({ a: 1 })
    point = at
    t.is(await t.throwsAsync(session.destroy()), died)
    point = undefined
    t.is((await engine.open(session.id)) !== undefined, isOpen, at)
  }
})
