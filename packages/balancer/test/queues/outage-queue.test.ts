import { setImmediate as settled } from 'node:timers/promises'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { CancelSignal } from '../../src/queues/cancel-signal.ts'
import { OutageQueue } from '../../src/queues/outage-queue.ts'
import type { OutageQueueLimits, OutageWaiter } from '../../src/queues/outage-queue.ts'
import { until } from '../fixtures/until.ts'

const LIMITS: OutageQueueLimits = { waitMax: 10, waitBytesMax: 1_000, waitMs: 60_000 }

interface Waiter extends OutageWaiter {
  readonly name: string
}

function queueing(t: ExecutionContext, limits: Partial<OutageQueueLimits> = {}) {
  /** What became of which request, in order. */
  const seen: string[] = []
  let passedMs = 0
  const now = () => performance.now() + passedMs
  const queue = new OutageQueue({ ...LIMITS, ...limits }, { queued: () => {} }, now)
  t.teardown(() => queue.close())
  return {
    queue,
    passes: (ms: number) => (passedMs += ms),
    waiter: (name: string, session?: string, heldBytes = 0): Waiter => ({ name, session, heldBytes }),
    /** Whether it may wait. */
    join: (waiter: Waiter, signal = new CancelSignal()): boolean => {
      const wait = queue.join(waiter, signal)
      void wait?.then((outcome) => seen.push(outcome === 'served' ? waiter.name : `${waiter.name} ${outcome}`))
      return wait !== undefined
    },
    seen: async (): Promise<string[]> => {
      await settled()
      return seen
    },
  }
}

test('when an upstream is up, requests leave in the order in which they came', async (t) => {
  const { queue, seen, waiter, join } = queueing(t)
  for (const name of ['one', 'two', 'three']) t.true(join(waiter(name)))
  t.is(queue.length, 3)
  queue.open()
  t.deepEqual(await seen(), ['one', 'two', 'three'])
  t.is(queue.length, 0)
})

test('the next request of a session leaves when the one before it is over', async (t) => {
  const { queue, seen, waiter, join } = queueing(t)
  const [first, second, third] = [waiter('1', 'session'), waiter('2', 'session'), waiter('3', 'session')]
  const leaving = new CancelSignal()
  join(first)
  join(second)
  join(third, leaving)
  join(waiter('other', 'other session'))
  t.true(queue.isBehind(waiter('4', 'session')))
  t.false(queue.isBehind(waiter('5')))
  queue.open()
  queue.open()
  t.deepEqual(await seen(), ['1', 'other'])
  queue.over(first)
  t.deepEqual(await seen(), ['1', 'other', '2'])
  leaving.cancel()
  queue.over(second)
  t.deepEqual(await seen(), ['1', 'other', '2', '3 abandoned'])
  t.false(queue.isBehind(waiter('6', 'session')))
})

test('a request whose upstream died is the first of its session again, and keeps the time that it has waited', async (t) => {
  const { queue, seen, waiter, join, passes } = queueing(t)
  const [first, second] = [waiter('1', 'session'), waiter('2', 'session')]
  join(first)
  join(second)
  queue.open()
  passes(1_000)
  t.true(join(first))
  queue.open()
  t.deepEqual(await seen(), ['1', '1'])
  passes(LIMITS.waitMs)
  t.false(join(first))
  queue.over(first)
  t.deepEqual(await seen(), ['1', '1', '2'])
})

test('the requests that wait are bounded, and so are their bytes', async (t) => {
  const { queue, waiter, join } = queueing(t, { waitMax: 2 })
  const leaving = new CancelSignal()
  t.true(join(waiter('large', undefined, 900), leaving))
  t.false(join(waiter('too large', undefined, 101)))
  t.true(join(waiter('small', undefined, 100)))
  leaving.cancel()
  t.is(queue.length, 1)
  t.true(join(waiter('next', undefined, 900)))
  t.false(join(waiter('one too many')))
})

test('no request waits longer than the bound', async (t) => {
  const { queue, seen, waiter, join } = queueing(t, { waitMs: 100 })
  join(waiter('will wait'))
  await until(async () => (await seen()).length > 0, { what: 'the end of the wait' })
  t.deepEqual(await seen(), ['will wait expired'])
  t.is(queue.length, 0)
})
