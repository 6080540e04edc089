import { randomBytes } from 'node:crypto'
import test from 'ava'
import { conformance } from '../src/conformance.ts'
import type { SessionKey, SessionStore } from '../src/contract.ts'
import { StoreConfigError } from '../src/errors.ts'
import { newSessionId, sessionKey } from '../src/id.ts'
import { openStore } from '../src/open-store.ts'
import { memoryStore } from '../src/stores/memory.ts'
import { type MovingStep, movingStore } from '../src/stores/moving.ts'
import { delayed } from './support/delayed.ts'

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

test('a session moves at its next write and goes on counting, and every node sees the same', async (t) => {
  const { from, to, at } = stores()
  const key = freshKey()
  const before = at('ready')
  const after = at('move')
  for (const expectedVersion of [0, 1, 2]) {
    await before.write(key, { expectedVersion, expiresAtMs: inAnHour, body: `{"n":${expectedVersion}}` })
  }
  t.is((await after.read(key))?.version, 3)
  t.is(to.heldHere?.(), 0, 'a read moves nothing')
  t.like(await after.write(key, { expectedVersion: 3, expiresAtMs: inAnHour, body: '{"n":3}' }), {
    status: 'written',
    version: 4,
  })
  t.is(to.heldHere?.(), 1)
  t.not((await from.read(key))?.body, '{"n":3}')
  t.like(await before.write(key, { expectedVersion: 4, expiresAtMs: inAnHour, body: '{"n":4}' }), { version: 5 })
  for (const step of STEPS) t.like(await at(step).read(key, { atLeastVersion: 5 }), { version: 5, body: '{"n":4}' })
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

test('when the step is finished new sessions are not known to the old store', async (t) => {
  const { from, to, at } = stores()
  const key = freshKey()
  await at('finish').write(key, { expectedVersion: 0, expiresAtMs: inAnHour, body: '{}' })
  t.is(await from.read(key), undefined)
  t.is((await to.read(key))?.version, 1)
})

test('it opens from a URL that holds two', async (t) => {
  t.is((await openStore('moving:?from=memory:&to=memory:?recordsMax=5&step=move')).name, 'memory to memory')
  for (const url of ['moving:', 'moving:?from=memory:&to=memory:', 'moving:?from=memory:&to=memory:&step=x&more=1']) {
    await t.throwsAsync(openStore(url), { instanceOf: StoreConfigError, message: /from= and to=.*ready, move, finish/ })
  }
})
