import { randomBytes } from 'node:crypto'
import test from 'ava'
import { conformance } from '../../../src/conformance.ts'
import type { SessionKey, SessionStore } from '../../../src/contract.ts'
import { StoreConfigError, StoreUnavailableError } from '../../../src/errors.ts'
import { newSessionId, sessionKey } from '../../../src/secrets/id.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import { type MovingStep, movingStore } from '../../../src/stores/moving/moving.ts'
import { delayed } from '../../support/delayed.ts'

const STEPS: readonly MovingStep[] = ['ready', 'move', 'finish']
const inAnHour = Date.now() + 3_600_000
const freshKey = (): SessionKey => sessionKey(newSessionId(randomBytes).handle)

/** Two stores, and nodes at any step between them. */
function stores() {
  const from = memoryStore()
  const to = memoryStore()
  return { from, to, at: (step: MovingStep) => movingStore({ from: shared(from), to: shared(to), step }) }
}

/** With calls that overtake each other. */
function shared(store: SessionStore): SessionStore {
  return { ...delayed(store), close: async () => {} }
}

for (const step of STEPS) {
  const open = async () => movingStore({ from: memoryStore(), to: memoryStore(), step })
  const { capabilities } = movingStore({ from: memoryStore(), to: memoryStore(), step })
  for (const { title, excused, run } of conformance({ open, capabilities })) {
    if (excused === undefined) test(`${step}: ${title}`, (t) => t.notThrowsAsync(run))
  }
}

test('a session moves at its next write, its version goes on rising, and every node sees the same', async (t) => {
  const { from, to, at } = stores()
  const key = freshKey()
  const before = at('ready')
  const after = at('move')
  for (const expectedVersion of [0, 1, 2]) {
    await before.write(key, { expectedVersion, expiresAtMs: inAnHour, body: `{"n":${expectedVersion}}` })
  }
  t.is((await after.read(key))?.version, 3)
  t.is(to.localSessionCount?.(), 0, 'a read moves nothing')
  t.like(await after.write(key, { expectedVersion: 3, expiresAtMs: inAnHour, body: '{"n":3}' }), {
    status: 'written',
    version: 4,
  })
  t.is((await to.read(key))?.body, '{"n":3}')
  t.not((await from.read(key))?.body, '{"n":3}')
  t.like(await before.write(key, { expectedVersion: 4, expiresAtMs: inAnHour, body: '{"n":4}' }), { version: 5 })
  for (const step of STEPS) t.like(await at(step).read(key), { version: 5, body: '{"n":4}' })
  t.like(await before.write(key, { expectedVersion: 2, expiresAtMs: inAnHour, body: '{}' }), {
    status: 'conflict',
    current: { version: 5, body: '{"n":4}' },
  })
  t.true(await before.touch(key, inAnHour + 5_000))
  t.is((await after.read(key))?.expiresAtMs, inAnHour + 5_000)
  await before.destroy(key, { fenceUntilMs: inAnHour })
  for (const step of STEPS) {
    t.is(await at(step).read(key), undefined)
    t.deepEqual(await at(step).write(key, { expectedVersion: 5, expiresAtMs: inAnHour, body: '{}' }), {
      status: 'gone',
    })
    t.deepEqual(await at(step).write(key, { expectedVersion: 0, expiresAtMs: inAnHour, body: '{}' }), {
      status: 'gone',
    })
  }
})

for (const [one, other] of [
  ['ready', 'move'],
  ['move', 'finish'],
] as const) {
  test(`writers at '${one}' and at '${other}' lose nothing of each other`, async (t) => {
    const { at } = stores()
    const key = freshKey()
    const nodes = [at(one), at(other), at(one), at(other)]
    const rounds = 12
    const increment = async (store: SessionStore): Promise<void> => {
      for (;;) {
        const current = await store.read(key)
        const body = JSON.stringify({
          n: current === undefined ? 1 : (JSON.parse(current.body) as { n: number }).n + 1,
        })
        const write = { expectedVersion: current?.version ?? 0, expiresAtMs: inAnHour, body }
        if ((await store.write(key, write)).status === 'written') return
      }
    }
    await Promise.all(
      nodes.map(async (store) => {
        for (let round = 0; round < rounds; round++) await increment(store)
      }),
    )
    const total = nodes.length * rounds
    for (const store of nodes) t.like(await store.read(key), { version: total, body: JSON.stringify({ n: total }) })
  })
}

test('at the step finish a read moves a session, and nodes with the new store alone go on with it', async (t) => {
  const { to, at } = stores()
  const keys = Array.from({ length: 20 }, freshKey)
  const write = { expiresAtMs: inAnHour, body: '{"n":0}' }
  for (const key of keys) await at('ready').write(key, { ...write, expectedVersion: 0 })
  for (const key of keys.slice(0, 10)) await at('move').write(key, { ...write, expectedVersion: 1 })
  const finishing = at('finish')
  for (const [index, key] of keys.entries())
    t.like(await finishing.read(key), { version: index < 10 ? 2 : 1, body: '{"n":0}' })
  for (const key of keys) {
    const alone = await to.read(key)
    t.is(alone?.body, '{"n":0}')
    t.is((await to.write(key, { ...write, expectedVersion: alone?.version ?? 0, body: '{"n":1}' })).status, 'written')
    const beside = await finishing.read(key)
    t.is(beside?.body, '{"n":1}')
    await finishing.write(key, { ...write, expectedVersion: beside?.version ?? 0, body: '{"n":2}' })
    t.is((await to.read(key))?.body, '{"n":2}')
  }
  await finishing.destroy(keys[0] as SessionKey, { fenceUntilMs: inAnHour })
  await to.destroy(keys[1] as SessionKey, { fenceUntilMs: inAnHour })
  for (const key of keys.slice(0, 2)) {
    t.is(await to.read(key), undefined)
    t.is(await finishing.read(key), undefined)
  }
})

for (const step of ['move', 'finish'] as const) {
  test(`${step}: a node that dies between the two stores leaves a session that the others find`, async (t) => {
    const { from, to, at } = stores()
    const key = freshKey()
    await at('ready').write(key, { expectedVersion: 0, expiresAtMs: inAnHour, body: '{"n":0}' })
    const unreachable = { ...to, write: () => Promise.reject(new StoreUnavailableError('to')) }
    const dying = movingStore({ from, to: unreachable, step })
    await t.throwsAsync(dying.write(key, { expectedVersion: 1, expiresAtMs: inAnHour, body: '{"n":1}' }))
    t.is(await to.read(key), undefined)
    for (const other of STEPS) t.like(await at(other).read(key), { version: 2, body: '{"n":1}' })
    t.like(await at('ready').write(key, { expectedVersion: 2, expiresAtMs: inAnHour, body: '{"n":2}' }), { version: 3 })
    for (const other of STEPS) t.like(await at(other).read(key), { version: 3, body: '{"n":2}' })
    t.is((await to.read(key))?.body, '{"n":2}')
  })
}

test('a session that is ended while it is between the stores stays ended', async (t) => {
  const { from, to, at } = stores()
  const key = freshKey()
  await at('ready').write(key, { expectedVersion: 0, expiresAtMs: inAnHour, body: '{}' })
  const unreachable = { ...to, write: () => Promise.reject(new StoreUnavailableError('to')) }
  const dying = movingStore({ from, to: unreachable, step: 'move' })
  await t.throwsAsync(dying.write(key, { expectedVersion: 1, expiresAtMs: inAnHour, body: '{"n":1}' }))
  await at('ready').destroy(key, { fenceUntilMs: inAnHour })
  for (const step of STEPS) {
    t.is(await at(step).read(key), undefined)
    t.is((await at(step).write(key, { expectedVersion: 2, expiresAtMs: inAnHour, body: '{}' })).status, 'gone')
    t.false(await at(step).touch(key, inAnHour))
  }
})

test('when nodes create one record in the old store and in the new one, no acknowledged write is lost', async (t) => {
  for (let round = 0; round < 30; round++) {
    const { to, at } = stores()
    const key = freshKey()
    const nodes = [at('move'), at('finish'), shared(to), at('finish')]
    const results = await Promise.allSettled(
      nodes.map((node, index) =>
        node.write(key, { expectedVersion: 0, expiresAtMs: inAnHour, body: `{"n":${index}}` }),
      ),
    )
    const made = results.flatMap((each, index) =>
      each.status === 'fulfilled' && each.value.status === 'written' ? [index] : [],
    )
    t.true(made.length <= 1, JSON.stringify(made))
    const [winner] = made
    if (winner !== undefined) t.is((await at('finish').read(key))?.body, `{"n":${winner}}`)
  }
})

test('it opens from a URL that has two others in it', async (t) => {
  t.is((await openStore('moving:?from=redis://a&to=redis%2Bcluster://b,c&step=move')).name, 'redis to redis')
  for (const url of ['moving:', 'moving:?from=memory:&to=memory:', 'moving:?from=memory:&step=move']) {
    await t.throwsAsync(openStore(url), { instanceOf: StoreConfigError, message: /from= and to=.*ready, move, finish/ })
  }
  for (const [from, to, end] of [
    ['memory:', 'redis://a', 'from'],
    ['redis://a', 'memory:', 'to'],
  ] as const) {
    await t.throwsAsync(openStore(`moving:?from=${from}&to=${to}&step=move`), {
      instanceOf: StoreConfigError,
      message: new RegExp(`stores that nodes share, and ${end}= is memory`),
    })
  }
})
