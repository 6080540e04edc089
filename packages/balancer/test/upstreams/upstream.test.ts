import { getHeapSpaceStatistics } from 'node:v8'
import test from 'ava'
import { upstreamsOf } from '../fixtures/traffic/upstreams.ts'
import type { Holder, Upstream } from '../../src/upstreams/upstream.ts'

function oneUpstream(): Upstream {
  const [upstream] = upstreamsOf({ a: 'up' })
  if (upstream === undefined) throw new Error('no upstream')
  return upstream
}

function holder(reassign: (reason: string) => void = () => {}): Holder {
  return { place: -1, reassign }
}

test('when an upstream is lost, each request in flight there is reassigned once, and may be released meanwhile', (t) => {
  const upstream = oneUpstream()
  const asked: string[] = []
  const holders = ['first', 'second', 'third', 'fourth'].map((name) => {
    const each = holder((reason) => {
      asked.push(`${name}: ${reason}`)
      upstream.release(each)
    })
    upstream.hold(each)
    return each
  })
  const [, second] = holders
  if (second !== undefined) upstream.release(second)
  upstream.lose('a probe is late')
  t.deepEqual(asked.sort(), ['first: a probe is late', 'fourth: a probe is late', 'third: a probe is late'])
  upstream.lose('another is up')
  t.is(asked.length, 3)
})

test('requests that are over leave nothing in the old generation', (t) => {
  const upstream = oneUpstream()
  const underWay: Holder[] = []
  const nextRequest = () => {
    const next = { ...holder(), body: Array.from({ length: 100 }, () => 0) }
    upstream.hold(next)
    underWay.push(next)
    if (underWay.length > 24) upstream.release(underWay.shift() ?? next)
  }
  for (let turn = 0; turn < 30; turn++) nextRequest()
  // After some minor collections the upstream's own list is in the old generation.
  for (let turn = 0; turn < 40_000; turn++) garbage = Array.from({ length: 100 }, () => 0)
  t.truthy(garbage)
  const before = oldBytes()
  let most = 0
  for (let turn = 0; turn < 40_000; turn++) {
    nextRequest()
    if (turn % 1_000 === 0) most = Math.max(most, oldBytes() - before)
  }
  // Together they take some 36 MB.
  t.true(most < 2_000_000, `${most} bytes`)
})

let garbage: unknown

function oldBytes(): number {
  return getHeapSpaceStatistics().find((space) => space.space_name === 'old_space')?.space_used_size ?? 0
}
