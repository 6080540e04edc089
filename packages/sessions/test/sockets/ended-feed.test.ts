import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { OnNotification, SessionKey, SessionStore } from '../../src/contract.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { endedFeed } from '../../src/sockets/ended-feed.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { until } from '../support/until.ts'

const OUTAGE_MS = 60_000

test('an end that could not be written for long is still read by a node that looks a moment after the next one', async (t) => {
  const memory = await openStore('memory:')
  await memory.open()
  t.teardown(() => memory.close())
  let nowMs = Date.now()
  const clock = { now: () => nowMs }
  let isOut = true
  let hasNews = false
  const ended: (SessionKey | undefined)[] = []
  const reader = endedFeed({
    store: { ...memory, read: async (key) => (hasNews ? await memory.read(key) : undefined) },
    clock,
    onEnded: (subject) => ended.push(subject),
    onFailed() {},
  })
  const writer = endedFeed({
    store: {
      ...memory,
      async write(...args) {
        if (isOut) throw new StoreUnavailableError('memory', new Error('out'))
        return await memory.write(...args)
      },
    },
    clock,
    onEnded() {},
    onFailed() {},
  })
  t.teardown(() => {
    reader.rest()
    writer.rest()
  })
  await reader.watch()
  await writer.tell('first' as SessionKey)
  nowMs += OUTAGE_MS
  isOut = false
  await writer.tell('second' as SessionKey)
  nowMs += 1
  await writer.tell('third' as SessionKey)
  hasNews = true
  await until('the third to be read', () => ended.includes('third' as SessionKey))
  t.deepEqual(ended, ['first', 'second', 'third'] as SessionKey[])
})

test('an end that could be written only later is notified once more then: the link may have been missing as well', async (t) => {
  const memory = await openStore('memory:')
  await memory.open()
  t.teardown(() => memory.close())
  let writes = 0
  const sent: string[] = []
  const writer = endedFeed({
    store: {
      ...memory,
      async write(...args) {
        if (++writes === 1) throw new StoreUnavailableError('memory', new Error('out'))
        return await memory.write(...args)
      },
      notifications: {
        async send(text) {
          sent.push(text)
        },
        listen: () => ({ isListening: true, renew() {}, stop() {} }),
      },
    },
    clock: Date,
    onEnded() {},
    onFailed() {},
  })
  await writer.tell('late' as SessionKey)
  t.is(sent.length, 1)
  await until('it to be sent again', () => sent.length === 2)
  t.is(sent[1], sent[0])
  await writer.tell('on-time' as SessionKey)
  t.is(sent.length, 3)
})

test('a node that has begun to listen reads often at first: an end whose notification went past before may not be written yet', async (t) => {
  const memory = await openStore('memory:')
  await memory.open()
  t.teardown(() => memory.close())
  let reads = 0
  const shared: SessionStore = {
    ...memory,
    notifications: {
      send: async () => {},
      listen: () => ({ isListening: true, renew() {}, stop() {} }),
    },
  }
  const ended = Promise.withResolvers<SessionKey | undefined>()
  const reader = endedFeed({
    store: { ...shared, read: async (key) => (++reads > 4 ? await shared.read(key) : undefined) },
    clock: Date,
    onEnded: ended.resolve,
    onFailed() {},
  })
  const writer = endedFeed({ store: shared, clock: Date, onEnded() {}, onFailed() {} })
  t.teardown(() => reader.rest())
  await reader.watch()
  await writer.tell('session' as SessionKey)
  // Four reads take 0.4 s, and would take more than 3 s at the pace of a node that has listened for long.
  t.is(await Promise.race([ended.promise, delay(2_500, 'too late')]), 'session')
})

/** The feed of a node over a store that tells its listeners of each loss, and how often it has read the record. */
async function toldOfLosses(t: ExecutionContext, isListening: boolean) {
  const memory = await openStore('memory:')
  await memory.open()
  t.teardown(() => memory.close())
  const counts = { reads: 0 }
  const listeners = new Set<OnNotification>()
  const feed = endedFeed({
    store: {
      ...memory,
      read: async (key) => {
        counts.reads++
        return await memory.read(key)
      },
      notifications: {
        tellsLosses: true,
        send: async () => {},
        listen(on) {
          listeners.add(on)
          return { isListening, renew() {}, stop: () => void listeners.delete(on) }
        },
      },
    },
    clock: Date,
    onEnded() {},
    onFailed() {},
  })
  t.teardown(() => feed.rest())
  await feed.watch()
  return { feed, counts, listeners }
}

test('a node that listens, and is told of each loss, reads after what it heard, after a loss and when in doubt', async (t) => {
  const { feed, counts, listeners } = await toldOfLosses(t, true)
  const readsFrom = (reads: number) => until(`${reads} reads`, () => counts.reads >= reads, 15_000)
  await until('the node to rely on notifications', () => feed.isNotified)
  const before = counts.reads
  await delay(2_500)
  t.is(counts.reads, before)
  for (const { text } of listeners) text(`${Date.now()} some-subject`)
  await readsFrom(before + 1)
  await delay(2_500)
  t.is(counts.reads, before + 1)
  feed.doubt()
  await readsFrom(before + 2)
  for (const { lost } of listeners) lost()
  await readsFrom(before + 6)
})

test('a node that is told of each loss, and does not listen for long, reads every second', async (t) => {
  const { counts } = await toldOfLosses(t, false)
  await until('it to read less often', async () => {
    const before = counts.reads
    await delay(3_000)
    return counts.reads - before <= 5
  })
  t.true(counts.reads > 50, `${counts.reads} reads`)
})
