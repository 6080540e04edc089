import test from 'ava'
import { RoomQueue } from '../src/queue.ts'
import type { Waiter } from '../src/queue.ts'
import type { Upstream } from '../src/upstream.ts'
import { until } from './fixtures/until.ts'
import { upstreamsOf } from './fixtures/upstreams.ts'

function pair(): [Upstream, Upstream] {
  const [a, b] = upstreamsOf({ a: 'up', b: 'up' }, { upstreamSocketsMax: 1, upstreamInFlightMax: 1, upstreamIdleMs: 1 })
  if (!a || !b) throw new Error('there are two')
  return [a, b]
}

function queueing(limits = { queueMax: 10, queueWaitMs: 60_000 }) {
  const outcomes: string[] = []
  const told: string[] = []
  let nowMs = 0
  // Who waits longer has a smaller time.
  const queue = new RoomQueue(limits, { queued: (outcome) => void outcomes.push(outcome) }, () => (nowMs += 1))
  const waiter = (name: string, admitted: () => void = () => {}): Waiter => ({
    admitted() {
      told.push(name)
      admitted()
    },
    expired: () => void told.push(`${name} too late`),
  })
  return { queue, outcomes, told, waiter }
}

function enters(upstream: Upstream): () => void {
  return () => upstream.entered()
}

test('who has waited longest comes first, among those who can use the place', (t) => {
  const [a, b] = pair()
  const { queue, told, waiter } = queueing()
  t.teardown(() => queue.close())
  queue.join(waiter('for b', enters(b)), b)
  queue.join(waiter('any, first', enters(a)), undefined)
  queue.join(waiter('for a', enters(a)), a)
  queue.join(waiter('any, last', enters(a)), undefined)
  t.is(queue.length, 4)
  for (const heard of [['any, first'], ['for a'], ['any, last'], []]) {
    told.length = 0
    a.inFlight = 0
    queue.room(a)
    t.deepEqual(told, heard)
  }
  t.is(queue.length, 1)
})

test('as many come as there is room for', (t) => {
  const [a] = pair()
  const { queue, told, waiter } = queueing()
  t.teardown(() => queue.close())
  for (const name of ['1', '2', '3']) queue.join(waiter(name), undefined)
  queue.room(a)
  t.deepEqual(told, ['1', '2', '3'])
  t.is(queue.length, 0)
})

test('too many are refused, and one that left makes room', (t) => {
  const { queue, outcomes, told, waiter } = queueing({ queueMax: 2, queueWaitMs: 60_000 })
  t.teardown(() => queue.close())
  const [a] = pair()
  const leaving = waiter('leaving')
  t.true(queue.join(leaving, a))
  t.true(queue.join(waiter('staying'), a))
  t.false(queue.join(waiter('refused'), undefined))
  queue.leave(leaving)
  queue.leave(leaving)
  t.is(queue.length, 1)
  t.true(queue.join(waiter('next'), undefined))
  t.deepEqual(outcomes, ['refused', 'client-left'])
  t.deepEqual(told, [])
})

test('who waits for an upstream that changed asks anew, and the others wait on', (t) => {
  const [a, b] = pair()
  const { queue, told, waiter } = queueing()
  t.teardown(() => queue.close())
  queue.join(waiter('for a'), a)
  queue.join(waiter('for b'), b)
  queue.join(waiter('any'), undefined)
  a.standing = 'down'
  queue.changed(a)
  t.deepEqual(told, ['for a'])
  a.standing = 'up'
  queue.changed(a)
  t.deepEqual(told, ['for a', 'any'])
  t.is(queue.length, 1)
})

test('nobody waits for longer than the bound, and those before it go on waiting', async (t) => {
  const outcomes: string[] = []
  const told: string[] = []
  const limits = { queueMax: 10, queueWaitMs: 40 }
  const queue = new RoomQueue(limits, { queued: (outcome) => void outcomes.push(outcome) }, () => performance.now())
  const beganAtMs = performance.now()
  for (const name of ['1', '2']) {
    queue.join({ admitted: () => t.fail(), expired: () => void told.push(name) }, undefined)
  }
  await until(() => told.length === 2, { what: 'both to expire' })
  t.true(performance.now() - beganAtMs >= 39)
  t.deepEqual(outcomes, ['expired', 'expired'])
  t.is(queue.length, 0)
})
