/** Who is here, across nodes. */
import test from 'ava'
import type { ExecutionContext } from 'ava'
import type { SessionStore } from '../../src/contract.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { fastifyStore } from '../../src/express/express.ts'
import { type Presence, presence, type PresenceOptions } from '../../src/sockets/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { auxiliaryKey } from '../../src/secrets/id.ts'
import { sqliteStores } from '../support/socket-nodes.ts'
import { until } from '../support/until.ts'

interface Given extends Omit<PresenceOptions<number>, 'name'> {
  /** How far the node's clock is behind. */
  readonly behindMs?: number
}

function at(t: ExecutionContext, store: SessionStore, { behindMs = 0, ...options }: Given = {}): Presence<number> {
  const clock = { now: () => Date.now() - behindMs }
  const members = presence<number>(fastifyStore({ store, clock }), { name: 'floor', ...options })
  t.teardown(() => members.close())
  return members
}

const list = ({ members }: Presence<number>) => [...members].map(([name, x]) => `${name}=${x}`).sort()

test('members of each node are seen at the others, with their latest state, until they leave', async (t) => {
  const stores = sqliteStores(t)
  const [a, b] = [at(t, await stores()), at(t, await stores())]
  a.show('one', 1)
  b.show('two', 1)
  await until('both to be seen at both', () => [a, b].every((each) => list(each).join() === 'one=1,two=1'))
  a.show('one', 2)
  await until('the change to be seen', () => list(b).join() === 'one=2,two=1')
  a.hide('one')
  await until('the leave to be seen', () => list(b).join() === 'two=1')
  a.show('one', 3)
  await until('both to be seen at both again', () => [a, b].every((each) => list(each).length === 2))
  t.deepEqual(list(a), ['one=3', 'two=1'])
})

test('with write=behind members of each node are seen at the others', async (t) => {
  const stores = sqliteStores(t, (url) => `hybrid:?over=${url}&write=behind`)
  const [a, b] = [at(t, await stores()), at(t, await stores())]
  a.show('one', 1)
  b.show('two', 1)
  const isSeen = () => [a, b].every((each) => list(each).join() === 'one=1,two=1')
  await t.notThrowsAsync(until('both to be seen at both', isSeen, 15_000))
})

test('members of a node that is gone leave', async (t) => {
  const stores = sqliteStores(t)
  const [a, b] = [at(t, await stores()), at(t, await stores())]
  a.show('one', 1)
  b.show('two', 1)
  await until('both to be seen', () => list(b).length === 2)
  a.close()
  await until('its members to be gone', () => list(b).length === 1)
  await staysSo(t, b, ['two=1'])
})

/** For longer than it takes until the list of nodes is read again. */
async function staysSo(t: ExecutionContext, members: Presence<number>, expected: readonly string[]): Promise<void> {
  for (
    const endAtMs = Date.now() + 1_000;
    Date.now() < endAtMs;
    await new Promise((resolve) => setTimeout(resolve, 20))
  )
    t.deepEqual(list(members), expected)
}

for (const [what, behindMs] of [
  ['behind', 10 * 60_000],
  ['ahead', -10 * 60_000],
] as const)
  test(`members of a node whose clock is ten minutes ${what} are seen at the others, until it is gone`, async (t) => {
    const stores = sqliteStores(t)
    const [a, b] = [at(t, await stores()), at(t, await stores(), { behindMs })]
    a.show('one', 1)
    b.show('two', 1)
    await until('both to be seen at both', () => [a, b].every((each) => list(each).join() === 'one=1,two=1'))
    b.close()
    await until('its members to be gone', () => list(a).length === 1)
    await staysSo(t, a, ['one=1'])
  })

test('a node that is gone leaves the list of nodes', async (t) => {
  const stores = sqliteStores(t)
  const [a, b, reader] = [at(t, await stores()), at(t, await stores()), await stores()]
  const listed = async () => {
    const { body } = (await reader.read(auxiliaryKey('presence floor'))) ?? { body: '[]' }
    return (JSON.parse(body) as unknown[]).length
  }
  a.show('one', 1)
  b.show('two', 1)
  await until('both to be listed', async () => (await listed()) === 2)
  a.close()
  await until('one to be listed', async () => (await listed()) === 1)
  t.pass()
})

test('a callback that throws, and a store that fails in a way of its own, do not end it', async (t) => {
  const stores = sqliteStores(t)
  const inner = await stores()
  const failures = [new Error('of the callback'), new TypeError('of the store')]
  let isBroken = false
  const store: SessionStore = {
    ...inner,
    read: async (key) => {
      if (isBroken) throw failures[1]
      return await inner.read(key)
    },
  }
  const errors = new Set<unknown>()
  const a = at(t, store, {
    onChange: () => {
      throw failures[0]
    },
    onError: (error) => errors.add(error),
  })
  const b = at(t, await stores())
  a.show('one', 1)
  await until('the first error', () => errors.has(failures[0]))
  isBroken = true
  await until('the second error', () => errors.has(failures[1]))
  isBroken = false
  b.show('two', 1)
  await until('both to be seen at both', () => [a, b].every((each) => list(each).length === 2))
  t.is(errors.size, 2)
})

test('many changes are few calls, and without members the store is not asked', async (t) => {
  const store = memoryStore()
  let calls = 0
  let asked = 0
  const counting: SessionStore = {
    ...store,
    read: (key) => (asked++, store.read(key)),
  }
  const members = at(t, counting, { onChange: () => calls++ })
  for (let x = 1; x <= 1_000; x++) members.show('one', x)
  await until('the last to be told', () => list(members).join() === 'one=1000')
  t.is(calls, 1)
  members.hide('one')
  await until('the end to be told', () => calls === 2)
  await until('it to rest', async () => {
    const before = asked
    await new Promise((resolve) => setTimeout(resolve, 300))
    return asked === before
  })
})

test('while nothing changes, nothing is told', async (t) => {
  const stores = sqliteStores(t)
  const told: string[] = []
  const a = at(t, await stores(), { onChange: () => told.push(list(a).join()) })
  const b = at(t, await stores())
  a.show('one', 1)
  b.show('two', 1)
  await until('both to be seen', () => list(a).length === 2)
  // Several times as long as a node takes to write again that it is there.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  const again = told.filter((each, n) => each === told[n - 1])
  t.deepEqual(again, [])
})

test('an outage of the store is no error, and is over when the store is back', async (t) => {
  const stores = sqliteStores(t)
  const inner = await stores()
  let isOut = false
  const failing = <T>(call: () => Promise<T>) => (isOut ? Promise.reject(new StoreUnavailableError('test')) : call())
  const store: SessionStore = {
    ...inner,
    read: (key) => failing(() => inner.read(key)),
    write: (key, write) => failing(() => inner.write(key, write)),
  }
  const [a, b] = [at(t, store), at(t, await stores())]
  a.show('one', 1)
  b.show('two', 1)
  await until('both to be seen at both', () => [a, b].every((each) => list(each).length === 2))
  isOut = true
  a.show('one', 2)
  await until('the other to be out of sight', () => list(a).join() === 'one=2' && list(b).join() === 'two=1')
  isOut = false
  await until('both to be seen at both', () => [a, b].every((each) => list(each).length === 2))
  t.deepEqual(list(a), ['one=2', 'two=1'])
})

test('more members than are allowed are not shown', async (t) => {
  const members = presence<number>(fastifyStore({ store: memoryStore() }), { name: 'floor', membersMax: 1 })
  t.teardown(() => members.close())
  t.true(members.show('one', 1))
  t.false(members.show('two', 1))
  t.true(members.show('one', 2))
  members.hide('one')
  t.true(members.show('two', 1))
})
