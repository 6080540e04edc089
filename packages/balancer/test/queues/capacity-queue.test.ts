import test from 'ava'
import type { ExecutionContext } from 'ava'
import { CancelSignal } from '../../src/queues/cancel-signal.ts'
import { CapacityQueue } from '../../src/queues/capacity-queue.ts'
import type { Upstream } from '../../src/upstreams/upstream.ts'
import { until } from '../fixtures/until.ts'
import { upstreamsOf } from '../fixtures/traffic/upstreams.ts'

function pair(): [Upstream, Upstream] {
  const [a, b] = upstreamsOf({ a: 'up', b: 'up' }, { upstreamSocketsMax: 1, upstreamInFlightMax: 1, upstreamIdleMs: 1 })
  if (!a || !b) throw new Error('there are two')
  for (const upstream of [a, b]) upstream.entered()
  return [a, b]
}

function queueing(t: ExecutionContext, limits = { queueMax: 10, queueWaitMs: 60_000 }) {
  const outcomes: string[] = []
  const offered: string[] = []
  const served: string[] = []
  let nowMs = 0
  const queue = new CapacityQueue(limits, { queued: (outcome) => void outcomes.push(outcome) }, () => (nowMs += 1))
  t.teardown(() => queue.close())
  /** A request that can use any of these upstreams. */
  const join = (
    name: string,
    usable: readonly Upstream[],
    { sinceMs = (nowMs += 1), signal = new CancelSignal() } = {},
  ) =>
    queue.join(
      {
        sinceMs,
        line: usable.map((upstream) => upstream.name).join(' '),
        offer() {
          offered.push(name)
          const free = usable.find(({ hasRoom }) => hasRoom)
          free?.entered()
          if (free !== undefined) served.push(name)
          return free !== undefined
        },
      },
      signal,
    )
  /** What the end of a request there leads to. */
  const ends = (upstream: Upstream) => {
    served.length = 0
    offered.length = 0
    upstream.inFlight -= 1
    queue.room(upstream)
    return [...served]
  }
  return { queue, outcomes, offered, served, join, ends }
}

test('the request that came first is served first, among those that can use the place', (t) => {
  const [a, b] = pair()
  const { queue, join, ends } = queueing(t)
  void join('for b', [b])
  void join('any, first', [a, b])
  void join('for a', [a])
  void join('any, last', [a, b])
  t.is(queue.length, 4)
  t.deepEqual(ends(a), ['any, first'])
  t.deepEqual(ends(a), ['for a'])
  t.deepEqual(ends(a), ['any, last'])
  t.deepEqual(ends(a), [])
  t.is(queue.length, 1)
})

test('as many requests are served as there are places, and each line has at most one offer in vain', (t) => {
  const [a, b] = pair()
  const { queue, offered, served, join } = queueing(t)
  for (const name of ['1', '2', '3', '4']) void join(name, [a, b])
  for (const name of ['5', '6']) void join(name, [b])
  a.inFlight = 0
  b.inFlight = 0
  queue.changed()
  t.deepEqual(served, ['1', '2'])
  t.deepEqual(offered, ['1', '2', '3', '5'])
  t.is(queue.length, 4)
})

test('a request that comes back keeps its place', (t) => {
  const [a] = pair()
  const { join, ends } = queueing(t)
  void join('2', [a], { sinceMs: 2 })
  void join('3', [a], { sinceMs: 3 })
  void join('1', [a], { sinceMs: 1 })
  t.deepEqual([ends(a), ends(a), ends(a)], [['1'], ['2'], ['3']])
})

test('requests above the bound are refused, and one that leaves makes room', async (t) => {
  const [a] = pair()
  const { queue, outcomes, join, ends } = queueing(t, { queueMax: 2, queueWaitMs: 60_000 })
  const leaving = new CancelSignal()
  const left = join('leaving', [a], { signal: leaving })
  t.truthy(join('staying', [a]))
  t.is(join('refused', [a]), undefined)
  leaving.cancel()
  t.is(await left, 'abandoned')
  t.is(queue.length, 1)
  t.truthy(join('next', [a]))
  t.deepEqual(outcomes, ['refused', 'abandoned'])
  t.deepEqual([ends(a), ends(a)], [['staying'], ['next']])
})

test('an offer that comes back to the queue is refused instead of going round for ever', (t) => {
  const [a] = pair()
  const { queue, join } = queueing(t)
  const offer = () => queue.join({ sinceMs: 2, line: '', offer: () => false }, new CancelSignal()) !== undefined
  void queue.join({ sinceMs: 1, line: '', offer }, new CancelSignal())
  void join('another', [a])
  t.throws(() => queue.changed(), { message: /came back/ })
})

test('no request waits for longer than the bound', async (t) => {
  const outcomes: string[] = []
  const limits = { queueMax: 10, queueWaitMs: 40 }
  const queue = new CapacityQueue(limits, { queued: (outcome) => void outcomes.push(outcome) }, () => performance.now())
  const beganAtMs = performance.now()
  const waiter = { sinceMs: beganAtMs, line: '', offer: () => false }
  const [first, second] = [queue.join(waiter, new CancelSignal()), queue.join(waiter, new CancelSignal())]
  await until(() => outcomes.length === 2, { what: 'both to expire' })
  t.true(performance.now() - beganAtMs >= 39)
  t.deepEqual([await first, await second], ['expired', 'expired'])
  t.is(queue.length, 0)
})
