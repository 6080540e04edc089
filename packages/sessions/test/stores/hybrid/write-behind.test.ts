import { AsyncLocalStorage } from 'node:async_hooks'
import test, { type ExecutionContext } from 'ava'
import type { SessionKey, SessionStore } from '../../../src/contract.ts'
import { StoreUnavailableError } from '../../../src/errors.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import { systemClock } from '../../../src/clock.ts'
import { writeBehind } from '../../../src/stores/hybrid/write-behind.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import type { BehindReport, StoreEvent } from '../../../src/telemetry.ts'
import { nodeProcess } from '../../support/hybrid-nodes.ts'
import { redisMissing, redisServer } from '../../support/redis/server.ts'
import { change, creation, freshKey, inAnHour } from '../../support/records.ts'
import { openRedis } from '../../support/redis/sessions.ts'
import { until } from '../../support/until.ts'

const onRedis = redisMissing === undefined ? test : test.skip
if (redisMissing !== undefined) test.skip(`write-behind over redis: ${redisMissing}`, () => {})

const UNAVAILABLE = { instanceOf: StoreUnavailableError }

async function behind(t: ExecutionContext, settings = '', timeoutMs = 20_000) {
  const server = await redisServer()
  t.teardown(() => server.stop())
  // A session that is changed while Redis hangs is in memory as long as the lease lasts.
  const url = `hybrid:?over=${server.url}?timeoutMs=${timeoutMs}%26leaseMs=60000&write=behind${settings}`
  const store = await openStore(url)
  await store.open()
  const plain = await openRedis(t, { url: server.url, timeoutMs: 20_000 })
  t.teardown(() => {
    server.process.kill('SIGCONT')
    return store.close()
  })
  return { server, store, plain, url }
}

function reported(store: SessionStore): BehindReport {
  const report = store.report?.().behind
  if (report === undefined) throw new Error(`${store.name} reports no lag`)
  return report
}

async function begun(store: SessionStore): Promise<SessionKey> {
  const key = freshKey()
  await store.write(key, creation('body 0'))
  return key
}

onRedis('changes are acknowledged and read while Redis hangs, and all of them are there when it goes on', async (t) => {
  const { server, store, plain } = await behind(t, '&windowMs=20000', 1_000)
  const keys = [await begun(store), await begun(store), await begun(store)]
  server.process.kill('SIGSTOP')
  for (const key of keys) {
    for (let version = 1; version < 20; version++) {
      t.is((await store.write(key, change(version, `body ${version}`))).status, 'written')
      t.is((await store.read(key))?.body, `body ${version}`)
      t.like(await store.write(key, change(version, 'late')), { status: 'conflict' })
    }
  }
  t.is(reported(store).changes, 57)
  await until('a lag', () => reported(store).lagMs > 500)
  server.process.kill('SIGCONT')
  await until('the store to have everything', () => reported(store).changes === 0)
  for (const key of keys) {
    t.like(await plain.read(key), { version: 20, body: 'body 19' })
    t.like(await store.read(key), { version: 20, body: 'body 19' })
  }
  t.true(reported(store).lagMaxMs > 500)
  t.is(reported(store).lostChanges, 0)
})

onRedis('when the window is full, changes are refused, and what was acknowledged is still read', async (t) => {
  const { server, store } = await behind(t, '&windowMs=3000&pendingMax=5', 1_000)
  const key = await begun(store)
  server.process.kill('SIGSTOP')
  for (let version = 1; version <= 5; version++)
    t.is((await store.write(key, change(version, `body ${version}`))).status, 'written')
  await t.throwsAsync(store.write(key, change(6)), UNAVAILABLE)
  t.like(await store.read(key), { version: 6, body: 'body 5' })
  await t.throwsAsync(store.read(freshKey()), UNAVAILABLE)
  t.regex(String(store.report?.().warnings), /the store is behind by/)
  server.process.kill('SIGCONT')
  await until('room', async () => (await store.write(key, change(6, 'body 6'))).status === 'written')
  await until('the store to have everything', () => reported(store).changes === 0)
  t.like(await store.read(key), { version: 7, body: 'body 6' })
})

onRedis('a node that dies loses what it had not written yet, and nothing that it had', async (t) => {
  const { server, plain, url } = await behind(t)
  const dying = await nodeProcess(t, url)
  const key = await begun(plain)
  t.is(await dying.write(key, 1, 'written behind'), 'written')
  await until('the store to have it', async () => (await plain.read(key))?.version === 2)
  server.process.kill('SIGSTOP')
  t.is(await dying.write(key, 2, 'under way'), 'written')
  t.is(await dying.write(key, 3, 'lost'), 'written')
  t.is(await dying.read(key), 'lost')
  dying.child.kill('SIGKILL')
  server.process.kill('SIGCONT')
  await until('Redis', async () => (await plain.read(key))?.version !== undefined)
  t.true(['written behind', 'under way'].includes(String((await plain.read(key))?.body)))
})

test("another node's change stands, and those that come too late are counted and told", async (t) => {
  const shared = memoryStore()
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>()
  const slow: SessionStore = {
    ...shared,
    write: (key, write) =>
      write.expectedVersion === 0 ? shared.write(key, write) : gate.then(() => shared.write(key, write)),
  }
  const events: string[] = []
  const onEvent = ({ event }: StoreEvent): void => void events.push(event)
  const store = writeBehind(slow, { windowMs: 60_000, pendingMax: 100, onEvent, clock: systemClock })
  const [key, ended] = [await begun(store), await begun(store)]
  await store.write(key, change(1, 'late'))
  await store.write(key, change(2, 'later'))
  await store.write(ended, change(1, 'too late'))
  t.is((await store.read(key))?.body, 'later')
  await shared.write(key, change(1, 'by another node'))
  await shared.destroy(ended, { fenceUntilMs: inAnHour() })
  openGate()
  await until('the loss', () => reported(store).changes === 0)
  t.like(await store.read(key), { version: 2, body: 'by another node' })
  t.is(await store.read(ended), undefined)
  t.is(reported(store).lostChanges, 3)
  t.deepEqual(events, ['changes-lost', 'changes-lost'])
})

/** One node's write-behind over a store that another node uses as well. Its changes reach the store once `openGate` was called. */
function twoNodes(pendingMax: number) {
  const shared = memoryStore()
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>()
  const slow: SessionStore = {
    ...shared,
    write: (key, write) =>
      write.expectedVersion === 0 ? shared.write(key, write) : gate.then(() => shared.write(key, write)),
  }
  const options = { windowMs: 60_000, pendingMax, onEvent: () => {}, clock: systemClock }
  return { shared, store: writeBehind(slow, options), openGate }
}

test("a request that has read a change that was lost does not overwrite another node's", async (t) => {
  const { shared, store, openGate } = twoNodes(100)
  const key = await begun(store)
  for (const version of [1, 2, 3]) await store.write(key, change(version, `lost ${version}`))
  await shared.write(key, change(1, 'by another node'))
  openGate()
  await until('the loss', () => reported(store).changes === 0)
  for (const lost of [2, 3, 4]) {
    const result = await store.write(key, change(lost, `on lost version ${lost}`))
    t.like(result, { status: 'conflict', current: { body: 'by another node' } })
  }
  const current = await store.read(key)
  t.is(current?.body, 'by another node')
  t.is((await store.write(key, change(current?.version ?? 0, 'merged'))).status, 'written')
  await until('the merged one to be written', async () => (await shared.read(key))?.body === 'merged')
})

test('what waited for room while the changes before it were lost is not built on them', async (t) => {
  const onLost: Record<string, (store: SessionStore, key: SessionKey) => Promise<unknown>> = {
    write: (store, key) => store.write(key, change(2, 'on the lost one')),
    touch: (store, key) => store.touch(key, inAnHour() + 1_000),
  }
  for (const [verb, ask] of Object.entries(onLost)) {
    const { shared, store, openGate } = twoNodes(1)
    const key = await begun(store)
    await store.write(key, change(1, 'lost'))
    const waits = ask(store, key)
    await shared.write(key, change(1, 'by another node'))
    openGate()
    if (verb === 'touch') t.true(await waits)
    else t.like(await waits, { status: 'conflict', current: { body: 'by another node' } })
    t.is((await store.read(key))?.body, 'by another node', verb)
    t.like(reported(store), { changes: 0, lostChanges: 1 }, verb)
  }
})

onRedis('a deletion is in the store when it is acknowledged, and what waited for it is not written', async (t) => {
  const { store, plain } = await behind(t)
  for (let round = 0; round < 20; round++) {
    const key = await begun(store)
    await store.write(key, change(1))
    const [late] = await Promise.all([
      store.write(key, change(2)),
      store.destroy(key, { fenceUntilMs: inAnHour() }),
      store.touch(key, inAnHour() + 1_000),
    ])
    t.true(['written', 'gone'].includes(late.status))
    for (const each of [store, plain]) t.is(await each.read(key), undefined)
    t.deepEqual(await store.write(key, change(3)), { status: 'gone' })
  }
  t.is(reported(store).lostChanges, 0)
})

onRedis('what is no session is written through, and another node finds it at once', async (t) => {
  const { store, plain } = await behind(t)
  const list = `~${freshKey()}` as SessionKey
  for (let version = 0; version < 20; version++) {
    t.is(
      (await store.write(list, { ...change(version, `list ${version}`), expectedVersion: version })).status,
      'written',
    )
    t.is((await plain.read(list))?.body, `list ${version}`)
  }
})

onRedis('a node that closes has written everything', async (t) => {
  const { store, plain } = await behind(t)
  const keys = await Promise.all(Array.from({ length: 200 }, () => begun(store)))
  await Promise.all(keys.map((key) => store.write(key, change(1, 'last'))))
  await store.close()
  for (const key of keys) t.is((await plain.read(key))?.body, 'last')
})

/** Over a store in memory whose calls can be made to fail or wait. */
async function overMemory(t: ExecutionContext, changed: (base: SessionStore) => Partial<SessionStore>) {
  const base = memoryStore()
  await base.open()
  const events: StoreEvent[] = []
  const onEvent = (event: StoreEvent): void => void events.push(event)
  const options = { windowMs: 400, pendingMax: 100, onEvent, clock: systemClock, giveUpMs: 500 }
  const store = writeBehind({ ...base, ...changed(base) }, options)
  t.teardown(() => store.close())
  return { base, store, events }
}

test('a logout that overtakes a change loses nothing, and tells of no loss', async (t) => {
  const ended = Promise.withResolvers<void>()
  const { base, store, events } = await overMemory(t, (base) => ({
    write: async (key, write) => {
      if (write.expectedVersion > 0) await ended.promise
      return base.write(key, write)
    },
    destroy: async (key, options) => {
      await base.destroy(key, options)
      ended.resolve()
      // The refusal of the change comes first.
      await new Promise((resolve) => setTimeout(resolve, 50))
    },
  }))
  const key = await begun(store)
  await store.write(key, change(1))
  await store.destroy(key, { fenceUntilMs: inAnHour() })
  t.is(await base.read(key), undefined)
  t.deepEqual(events, [])
  t.like(reported(store), { changes: 0, lostChanges: 0 })
})

test('a change that the store never takes is given up with its reason, and the others are written', async (t) => {
  const refused = freshKey()
  const warnings: string[] = []
  const { base, store, events } = await overMemory(t, (base) => ({
    write: async (key, write) => {
      if (key === refused && write.expectedVersion > 0) throw new StoreUnavailableError('redis', new Error('WRONGTYPE'))
      return await base.write(key, write)
    },
    // It is asked before a change is given up.
    health: async () => void warnings.push(String(store.report?.().warnings)),
  }))
  const other = await begun(store)
  await store.write(refused, creation('body 0'))
  await store.write(refused, change(1))
  await until('the change to be given up', () => events.length > 0)
  t.true(warnings.every((text) => text.includes('WRONGTYPE')) && warnings.length > 0, warnings.join('\n'))
  t.deepEqual(events, [{ event: 'changes-lost', store: base.name, changes: 1, reason: 'WRONGTYPE' }])
  t.is((await store.write(other, change(1))).status, 'written')
  await until('the other to be written', async () => (await base.read(other))?.version === 2)
  t.is(reported(store).lostChanges, 1)
})

test('what is told of a late change does not bear the id of the request that began to write it', async (t) => {
  const requestIds = new AsyncLocalStorage<string>()
  const seen: (string | undefined)[] = []
  const { store } = await overMemory(t, (base) => ({
    write: async (key, write) => {
      seen.push(requestIds.getStore())
      return await base.write(key, write)
    },
  }))
  const key = await requestIds.run('request 1', () => begun(store))
  await requestIds.run('request 2', () => store.write(key, change(1)))
  await until('the change to be written', () => reported(store).changes === 0)
  t.deepEqual(seen, ['request 1', undefined])
})

test('what waits when a node closes during an outage is counted as lost', async (t) => {
  const { base, store, events } = await overMemory(t, (base) => ({
    write: (key, write) =>
      write.expectedVersion > 0
        ? Promise.reject(new StoreUnavailableError('redis', new Error('ECONNREFUSED')))
        : base.write(key, write),
    health: () => Promise.reject(new StoreUnavailableError('redis', new Error('ECONNREFUSED'))),
  }))
  await store.write(await begun(store), change(1))
  await store.close()
  t.deepEqual(events, [{ event: 'changes-lost', store: base.name, changes: 1, reason: 'ECONNREFUSED' }])
  t.like(reported(store), { changes: 0, lostChanges: 1 })
})
