import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import type { SessionKey, SessionStore } from '../../src/contract.ts'
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
