import test from 'ava'
import { IdempotencyMismatchError, SessionValueError, StoreUnavailableError } from '../../src/errors.ts'
import { sessionKey } from '../../src/secrets/id.ts'
import type { OpenSession } from '../../src/engine/session.ts'
import { begun } from '../support/engine.ts'

const ANSWER = { status: 201, type: 'application/json', body: '{"n":1}' }

function increment(session: OpenSession, name?: string): Promise<unknown> {
  return session.update(session.take(), (draft) => (draft['n'] = Number(draft['n'] ?? 0) + 1), name)
}

test('an update sent again gives its result and changes nothing', async (t) => {
  const { session, reopen } = await begun({ n: 0 })
  for (let attempt = 0; attempt < 3; attempt++) {
    const request = await reopen(session)
    request.bindIdempotencyKey('key', 'fingerprint')
    t.is(await increment(request), 1)
  }
  t.deepEqual((await reopen(session)).take(), { n: 1 })
})

test('the same request at the same time on several nodes counts once, and all are told the same', async (t) => {
  const { session, reopen } = await begun({ n: 0 })
  const requests = await Promise.all(Array.from({ length: 5 }, () => reopen(session)))
  for (const request of requests) request.bindIdempotencyKey('key', 'fingerprint')
  t.deepEqual(await Promise.all(requests.map((request) => increment(request))), [1, 1, 1, 1, 1])
  t.deepEqual((await reopen(session)).take(), { n: 1 })
})

test('a request cut off between two of its steps is completed, not repeated, when it comes again', async (t) => {
  const { session, reopen } = await begun({ n: 0 })
  const cutOff = await reopen(session)
  cutOff.bindIdempotencyKey('key', 'fingerprint')
  await increment(cutOff, 'first')

  const again = await reopen(session)
  again.bindIdempotencyKey('key', 'fingerprint')
  t.deepEqual([await increment(again, 'first'), await increment(again, 'second')], [1, 2])
  t.deepEqual((await reopen(session)).take(), { n: 2 })
})

test('a request of which others have left only a digest between two of its steps does not go on: its copy may have', async (t) => {
  const { session, reopen } = await begun({ n: 0 })
  const slow = await reopen(session)
  slow.bindIdempotencyKey('balancer-120s-slow', '')
  t.is(await increment(slow, 'first'), 1)
  const copy = await reopen(session)
  copy.bindIdempotencyKey('balancer-120s-slow', '')
  t.deepEqual([await increment(copy, 'first'), await increment(copy, 'second')], [1, 2])
  for (let n = 0; n < 30; n++) {
    const other = await reopen(session)
    other.bindIdempotencyKey(`balancer-120s-${n}`, '')
    await increment(other)
  }
  const tooLate = await reopen(session)
  t.throws(() => tooLate.bindIdempotencyKey('balancer-120s-slow', ''), { code: 'ANSWER_NOT_KEPT' })
  await t.throwsAsync(async () => await increment(slow, 'second'), { code: 'ANSWER_NOT_KEPT' })
  t.deepEqual((await reopen(session)).take(), { n: 32 })
})

test('an answer that was known with the last write is given back without running anything', async (t) => {
  const { session, reopen } = await begun({ n: 0 })
  const first = await reopen(session)
  t.is(first.bindIdempotencyKey('key', 'fingerprint'), undefined)
  await first.commit({ n: 1 }, () => ANSWER)
  t.deepEqual((await reopen(session)).bindIdempotencyKey('key', 'fingerprint'), ANSWER)
})

test('of two saves of one keyed request, the later one gives way', async (t) => {
  const { session, reopen } = await begun({ n: 0 })
  const twins = [await reopen(session), await reopen(session)]
  for (const twin of twins) twin.bindIdempotencyKey('key', 'fingerprint')
  await twins[0]?.commit({ n: 1 }, () => ANSWER)
  const late = twins[1] as OpenSession
  await late.commit({ n: 1, late: true }, () => ANSWER)
  t.deepEqual(late.answeredBefore, ANSWER)
  t.deepEqual((await reopen(session)).take(), { n: 1 })
})

test('the same key with another request is refused, also when the two race', async (t) => {
  const { session, reopen } = await begun({ n: 0 })
  const [first, racing] = [await reopen(session), await reopen(session)]
  first.bindIdempotencyKey('key', 'one thing')
  racing.bindIdempotencyKey('key', 'another thing')
  await increment(first)
  await t.throwsAsync(increment(racing), { instanceOf: IdempotencyMismatchError })
  const later = await reopen(session)
  t.throws(() => later.bindIdempotencyKey('key', 'another thing'), { instanceOf: IdempotencyMismatchError })
  t.deepEqual((await reopen(session)).take(), { n: 1 })
})

async function loginLost() {
  const under = await begun({ n: 0 })
  const before = under.session.id
  const login = await under.reopen(under.session)
  login.bindIdempotencyKey('key', 'login')
  await login.update(login.take(), (draft) => void Object.assign(draft, { user: 'u', logins: 1 }), 'login')
  const later = await under.reopen(login)
  await later.commit({ n: 5, user: 'u', logins: 1 })
  return { ...under, before }
}

test('a login sent again with its key, because its answer was lost, logs in once and delivers an id', async (t) => {
  const { before, reopen } = await loginLost()
  const again = await reopen({ id: before })
  again.bindIdempotencyKey('key', 'login')
  t.deepEqual(again.take(), {}, 'the key alone shows nothing')
  await again.update(again.take(), (draft) => void Object.assign(draft, { user: 'u', logins: 9 }), 'login')
  t.deepEqual(again.take(), { n: 5, user: 'u', logins: 1 })
  t.not(again.id.secret, before.secret)
  t.deepEqual((await reopen(again)).take(), { n: 5, user: 'u', logins: 1 })
})

test("the key of a login, guessed or stolen, does not open the session without the login's own check", async (t) => {
  const { before, reopen } = await loginLost()
  const thief = await reopen({ id: before })
  t.is(thief.bindIdempotencyKey('key', 'login'), undefined)
  t.deepEqual(thief.take(), {})
  await t.throwsAsync(increment(thief, 'login'), { code: 'SESSION_GONE' })
  await t.throwsAsync(thief.commit({ n: 6 }), { code: 'SESSION_GONE' })
  t.is(thief.id.secret, before.secret)
})

test('a login of another user with the key of the first begins a session of its own', async (t) => {
  const { before, reopen } = await loginLost()
  const other = await reopen({ id: before })
  other.bindIdempotencyKey('key', 'login')
  await other.update(other.take(), (draft) => void (draft['user'] = 'other'), 'login')
  t.not(other.id.handle, before.handle)
  t.deepEqual((await reopen(other)).take(), { user: 'other' })
})

/** Counts, with a result of so many characters. */
function counted(session: OpenSession, characters: number): Promise<unknown> {
  return session.update(session.take(), (draft) => {
    draft['n'] = Number(draft['n'] ?? 0) + 1
    return 'x'.repeat(characters)
  })
}

/** What a request that comes again with this key is told: nothing, or the code of an error. */
async function repeated(session: OpenSession, key: string, again: (session: OpenSession) => Promise<unknown>) {
  try {
    session.bindIdempotencyKey(key, 'fingerprint')
    await again(session)
    return undefined
  } catch (error) {
    return (error as { code: string }).code
  }
}

const countLong = (session: OpenSession): Promise<unknown> => counted(session, 3_000)

test('what is remembered is bounded, and that a request was carried out is remembered longest', async (t) => {
  const { session, reopen, store } = await begun({ n: 0 })
  for (let n = 1; n <= 20; n++) t.is(await repeated(await reopen(session), `key-${n}`, countLong), undefined)
  const record = await store.read(sessionKey(session.id.handle))
  t.true((record?.body.length ?? 0) < 18_000)
  t.is(await repeated(await reopen(session), 'key-20', countLong), undefined)
  t.is(await repeated(await reopen(session), 'key-1', countLong), 'ANSWER_NOT_KEPT')
  t.deepEqual((await reopen(session)).take(), { n: 20 })
})

test('a result too large to keep is not made up: the repeated request is told that it was carried out', async (t) => {
  const { session, reopen } = await begun({ n: 0 })
  for (const code of [undefined, 'ANSWER_NOT_KEPT']) {
    const request = await reopen(session)
    request.bindIdempotencyKey('key', 'fingerprint')
    const outcome = await counted(request, 10_000).then(
      () => undefined,
      (error: { code: string }) => error.code,
    )
    t.is(outcome, code)
  }
  t.deepEqual((await reopen(session)).take(), { n: 1 })
})

test('a request with a key from before the login does not open the session after it', async (t) => {
  const { session, reopen } = await begun({ n: 0 })
  const planted = session.id
  const thief = await reopen(session)
  thief.bindIdempotencyKey('key', 'fingerprint')
  await increment(thief)
  const victim = await reopen(session)
  await victim.update(victim.take(), (draft) => void (draft['user'] = 'victim'))

  const again = await reopen({ id: planted })
  t.is(again.bindIdempotencyKey('key', 'fingerprint'), undefined)
  t.deepEqual(again.take(), {})
  await t.throwsAsync(increment(again), { code: 'SESSION_GONE' })
  t.is(again.id.secret, planted.secret)
})

test('a step that runs only the first time is not taken for another one when the request comes again', async (t) => {
  const { session, reopen } = await begun({ n: 0 })
  const handle = async (): Promise<void> => {
    const request = await reopen(session)
    request.bindIdempotencyKey('key', 'fingerprint')
    const fields = request.take()
    if (fields['welcomed'] === undefined)
      await request.update(fields, (draft) => void (draft['welcomed'] = true), 'welcome')
    if (attempts++ > 0) await increment(request, 'count')
  }
  let attempts = 0
  await handle()
  await handle()
  await handle()
  t.deepEqual((await reopen(session)).take(), { n: 1, welcomed: true })
})

test('a step that failed is the same step when the handler tries it again', async (t) => {
  const { session, reopen, store } = await begun({ n: 0 })
  const write = store.write.bind(store)
  const request = await reopen(session)
  request.bindIdempotencyKey('key', 'fingerprint')
  store.write = async (key, change) => {
    await write(key, change)
    store.write = write
    throw new StoreUnavailableError('memory')
  }
  await t.throwsAsync(increment(request, 'count'), { instanceOf: StoreUnavailableError })
  t.is(await increment(request, 'count'), 1)
  t.deepEqual((await reopen(session)).take(), { n: 1 })
})

test('a result that could not be given back as it was is refused before anything is written', async (t) => {
  const { session, reopen } = await begun({ n: 0 })
  for (const result of [new Map(), new Date(0), Number.NaN, { at: [new Date(0)] }]) {
    const request = await reopen(session)
    request.bindIdempotencyKey('key', 'fingerprint')
    const update = request.update(request.take(), (draft) => {
      draft['n'] = 1
      return result
    })
    await t.throwsAsync(update, { instanceOf: SessionValueError, message: /update\(\)/ })
  }
  t.deepEqual((await reopen(session)).take(), { n: 0 })
})
