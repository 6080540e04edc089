import test from 'ava'
import type { SessionKey } from '../../src/contract.ts'
import { RecordUnreadableError, SessionGoneError, StoreUnavailableError } from '../../src/errors.ts'
import { userTag } from '../../src/secrets/id.ts'
import type { OpenSession } from '../../src/engine/session.ts'
import { encodeIndex, indexKey, membership } from '../../src/users/user-index.ts'
import { usersSessions } from '../../src/users/users.ts'
import { type EngineUnderTest, MINUTE_MS, setUp } from '../support/engine.ts'

const decoded = <T>(_: SessionKey, decode: () => T): T => decode()

async function login({ engine }: EngineUnderTest, user: string, device: string): Promise<OpenSession> {
  const session = engine.create(device)
  await session.commit({ user })
  return session
}

/** The one that lists a session that was just written. */
function failSecondWrite({ store }: EngineUnderTest): void {
  const write = store.write.bind(store)
  let writes = 0
  store.write = (key, change) =>
    ++writes === 2 ? Promise.reject(new StoreUnavailableError('memory')) : write(key, change)
}

async function alive({ engine }: EngineUnderTest, sessions: readonly OpenSession[]): Promise<boolean[]> {
  return await Promise.all(sessions.map(async ({ id }) => (await engine.open(id)) !== undefined))
}

test("a user's sessions are listed with device, age and last use, the latest used first, and no other user's", async (t) => {
  const under = setUp()
  const users = usersSessions(under.engine)
  const phone = await login(under, 'u', 'phone')
  under.time.nowMs += MINUTE_MS
  const laptop = await login(under, 'u', 'laptop')
  await login(under, 'other', 'tablet')
  under.time.nowMs += MINUTE_MS
  const used = await under.reopen(phone)
  await used.commit(used.take())

  const listed = await users.list('u')
  t.deepEqual(
    listed.map(({ device }) => device),
    ['phone', 'laptop'],
  )
  t.deepEqual(
    listed.map(({ id }) => id),
    [phone.info?.id, laptop.info?.id],
  )
  t.is(listed[0]?.lastSeenAtMs, under.time.nowMs)
  t.is(listed[1]?.lastSeenAtMs, under.time.nowMs - MINUTE_MS)
  t.deepEqual(await users.list('nobody'), [])
})

test('one session is ended by its id, the others go on, and a strange id ends nothing', async (t) => {
  const under = setUp()
  const users = usersSessions(under.engine)
  const [phone, laptop] = [await login(under, 'u', 'phone'), await login(under, 'u', 'laptop')]
  const others = await login(under, 'other', 'tablet')
  t.false(await users.end('u', others.info?.id ?? ''))
  t.true(await users.end('u', phone.info?.id ?? ''))
  t.deepEqual(await alive(under, [phone, laptop, others]), [false, true, true])
  t.is((await users.list('u')).length, 1)
})

test('all sessions of a user end at once, and those under way write nothing more', async (t) => {
  const under = setUp()
  const sessions = [await login(under, 'u', 'phone'), await login(under, 'u', 'laptop')]
  const other = await login(under, 'other', 'tablet')
  const slow = await under.reopen(sessions[0] as OpenSession)
  await usersSessions(under.engine).endAll('u')
  t.deepEqual(await alive(under, [...sessions, other]), [false, false, true])
  await t.throwsAsync(slow.commit({ user: 'u', late: true }), { instanceOf: SessionGoneError })
  t.truthy(await under.engine.open((await login(under, 'u', 'phone')).id))
})

test('all others end and the one that asked goes on, also after it ended all others again', async (t) => {
  const under = setUp()
  const users = usersSessions(under.engine)
  const sessions = [await login(under, 'u', 'phone'), await login(under, 'u', 'laptop')]
  const asking = await login(under, 'u', 'desktop')
  await users.endAll('u', { except: asking.info?.id })
  t.deepEqual(await alive(under, [...sessions, asking]), [false, false, true])
  const later = await login(under, 'u', 'phone')
  await users.endAll('u', { except: asking.info?.id })
  t.deepEqual(await alive(under, [later, asking]), [false, true])
  await users.endAll('u')
  t.deepEqual(await alive(under, [asking]), [false])
})

test('ending all also ends a session that the list does not know', async (t) => {
  const under = setUp()
  const unlisted = under.engine.create('phone')
  failSecondWrite(under)
  await unlisted.commit({ user: 'u' })
  t.deepEqual(under.events, ['index-failed'])
  t.deepEqual(await usersSessions(under.engine).list('u'), [])
  await usersSessions(under.engine).endAll('u')
  t.is(await under.engine.open(unlisted.id), undefined)
})

test('a list that missed a session is healed by the next request of that session', async (t) => {
  const under = setUp()
  const session = under.engine.create('phone')
  failSecondWrite(under)
  await session.commit({ user: 'u' })
  const opened = await under.reopen(session)
  await opened.commit(opened.take())
  t.is((await usersSessions(under.engine).list('u')).length, 1)
})

test('with one session more than the cap the oldest ends', async (t) => {
  const under = setUp({ sessionsPerUserMax: 2 })
  const sessions = [
    await login(under, 'u', 'first'),
    await login(under, 'u', 'second'),
    await login(under, 'u', 'third'),
  ]
  t.deepEqual(await alive(under, sessions), [false, true, true])
})

test('a session leaves the list when it is logged out or becomes another user’s', async (t) => {
  const under = setUp()
  const users = usersSessions(under.engine)
  const [leaving, changing] = [await login(under, 'u', 'phone'), await login(under, 'u', 'laptop')]
  await leaving.destroy()
  await changing.commit({ user: 'other' })
  t.deepEqual(await users.list('u'), [])
  t.is((await users.list('other')).length, 1)
})

test('what expired is not listed, and the list does not grow with it', async (t) => {
  const under = setUp({ idleTimeoutMs: MINUTE_MS, absoluteTimeoutMs: 10 * MINUTE_MS })
  for (let day = 0; day < 50; day++) {
    await login(under, 'u', `device ${day}`)
    under.time.nowMs += 5 * MINUTE_MS
  }
  const last = await login(under, 'u', 'the last')
  t.deepEqual(
    (await usersSessions(under.engine).list('u')).map(({ id }) => id),
    [last.info?.id],
  )
  const index = await under.store.read(indexKey(userTag('u')))
  t.true((index?.body.length ?? 0) < 500)
})

test('logins of one user on many devices at once are all listed', async (t) => {
  const under = setUp()
  await Promise.all(Array.from({ length: 20 }, (_, n) => login(under, 'u', `device ${n}`)))
  t.is((await usersSessions(under.engine).list('u')).length, 20)
})

test('a damaged list of a user is reported once, opens nothing, and is left as it is', async (t) => {
  const under = setUp()
  const session = await login(under, 'u', 'phone')
  const key = indexKey(userTag('u'))
  const { version = 0, expiresAtMs = 0 } = (await under.store.read(key)) ?? {}
  await under.store.write(key, { expectedVersion: version, expiresAtMs, body: '{"s":9,"e":0,"l":[]}' })
  for (let request = 0; request < 3; request++) {
    await t.throwsAsync(under.engine.open(session.id), { instanceOf: RecordUnreadableError })
  }
  t.deepEqual(under.events, ['unreadable'])
  t.is((await under.store.read(key))?.body, '{"s":9,"e":0,"l":[]}')
})

test('a device whose name looks like an entry of the list is none', async (t) => {
  const under = setUp()
  const session = await login(under, 'u', 'phone')
  const key = session.info?.id as SessionKey
  const body = { user: userTag('u'), epoch: 0 }
  const pretending = encodeIndex({
    epoch: 0,
    kept: undefined,
    sessions: [{ key: 'x' as SessionKey, sinceMs: 0, device: `["${key}",` }],
  })
  t.deepEqual(membership({ version: 1, expiresAtMs: 0, body: pretending }, key, body, decoded), {
    isCurrent: true,
    isListed: false,
  })
})
