/** Who is here, across nodes. */
import test from 'ava'
import type { ExecutionContext } from 'ava'
import type { SessionStore } from '../../src/contract.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { fastifyStore } from '../../src/express/express.ts'
import { type Presence, presence } from '../../src/sockets/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { sqliteStores } from '../support/socket-nodes.ts'
import { until } from '../support/until.ts'

function at(t: ExecutionContext, store: SessionStore, onChange?: () => void): Presence<number> {
  const members = presence<number>(fastifyStore({ store }), { name: 'floor', ...(onChange && { onChange }) })
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

test('members of a node that is gone leave', async (t) => {
  const stores = sqliteStores(t)
  const [a, b] = [at(t, await stores()), at(t, await stores())]
  a.show('one', 1)
  b.show('two', 1)
  await until('both to be seen', () => list(b).length === 2)
  a.close()
  await until('its members to be gone', () => list(b).length === 1)
  t.deepEqual(list(b), ['two=1'])
  // Longer than the list of nodes takes to be read again.
  for (
    const endAtMs = Date.now() + 1_000;
    Date.now() < endAtMs;
    await new Promise((resolve) => setTimeout(resolve, 20))
  )
    t.deepEqual(list(b), ['two=1'])
})

test('many changes are few calls, and without members the store is not asked', async (t) => {
  const store = memoryStore()
  let calls = 0
  let asked = 0
  const counting: SessionStore = {
    ...store,
    capabilities: { ...store.capabilities, shared: 'held' },
    read: (key) => (asked++, store.read(key)),
  }
  const members = at(t, counting, () => calls++)
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
  const a = at(t, await stores(), () => told.push(list(a).join()))
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
