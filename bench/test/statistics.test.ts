/** The statistics of the benches must find real differences, and no others. */
import { seededRandom } from '@ninelives/lab'
import test from 'ava'
import {
  type Estimate,
  estimate,
  finding,
  INTERVAL_BLOCKS_MIN,
  median,
  type Random,
  ratio,
  reached,
  shuffled,
} from '../harness/statistics.ts'

const interval = (low: number, high: number, blocks = 20): Estimate => ({ median: (low + high) / 2, low, high, blocks })

const draw = (seed: number): number[] => Array.from({ length: 5 }, seededRandom(seed))

/** Like a noisy machine: mostly around 1, now and then far above. */
function noise(random: Random): number {
  const spike = random() < 0.1 ? random() : 0
  return 0.95 + random() * 0.1 + spike
}

test('a median is the middle, or between the two in the middle', (t) => {
  t.is(median([3]), 3)
  t.is(median([9, 1, 5]), 5)
  t.is(median([10, 2, 4, 8]), 6)
  t.throws(() => median([]))
})

test('a median does not change its input', (t) => {
  const values = [3, 1, 2]
  median(values)
  t.deepEqual(values, [3, 1, 2])
})

test('the seed alone gives the same numbers, and another seed others', (t) => {
  t.deepEqual(draw(7), draw(7))
  t.notDeepEqual(draw(7), draw(8))
  t.true(draw(7).every((value) => value >= 0 && value < 1))
})

test('shuffling keeps every value, and puts each in every place equally often', (t) => {
  const random = seededRandom(1)
  const first = new Map<string, number>()
  for (let turn = 0; turn < 3_000; turn++) {
    const order = shuffled(['a', 'b', 'c'], random)
    t.deepEqual(order.toSorted(), ['a', 'b', 'c'])
    first.set(order[0] ?? '', (first.get(order[0] ?? '') ?? 0) + 1)
  }
  for (const times of first.values()) t.true(times > 850 && times < 1_150, `${times} of 3,000`)
})

test('the interval of equal blocks is a point, and any other contains the median', (t) => {
  t.deepEqual(estimate([5, 5, 5, 5, 5, 5]), { median: 5, low: 5, high: 5, blocks: 6 })
  t.deepEqual(estimate([9, 1, 2, 3, 4, 5, 6, 7, 100]), { median: 5, low: 2, high: 9, blocks: 9 })
})

/** How many blocks the interval leaves out at each end. */
const outside = (blocks: number): number => estimate(Array.from({ length: blocks }, (_, n) => n)).low

test('the interval leaves out as many blocks at each end as a table of the sign test says', (t) => {
  t.deepEqual([1, 5, 6, 8, 9, 11, 12, 15, 20, 21, 25, 50, 100].map(outside), [0, 0, 0, 0, 1, 1, 2, 3, 5, 5, 7, 17, 39])
  t.is(outside(3_000), 1_445, 'and no number becomes too small')
})

test('the interval contains the true median in 95 % of runs at least, however few the blocks', (t) => {
  const random = seededRandom(4)
  for (const blocks of [6, 7, 8, 9, 12]) {
    // Of skewed blocks, whose true median is ln 2.
    const runs = Array.from({ length: 2_000 }, () =>
      estimate(Array.from({ length: blocks }, () => -Math.log(1 - random()))),
    )
    const contains = runs.filter(({ low, high }) => low <= Math.LN2 && Math.LN2 <= high).length
    t.true(contains >= 0.94 * runs.length, `${contains} with ${blocks} blocks`)
  }
})

test('a ratio is taken within blocks: a slow block that slows both is no difference', (t) => {
  const machine = [1, 1, 5, 1, 9, 1, 3, 1]
  const first = machine.map((slowness) => 110 * slowness)
  const second = machine.map((slowness) => 100 * slowness)
  const { median: middle, low, high } = ratio(first, second)
  for (const value of [middle, low, high]) t.true(Math.abs(value - 1.1) < 1e-9, String(value))
  t.throws(() => ratio([1, 2], [1]), { message: /every block/ })
})

test('equal subjects rarely seem to differ, and a difference of a fifth is nearly always found', (t) => {
  const random = seededRandom(20)
  const trial = (factor: number) => {
    const machine = Array.from({ length: 20 }, () => 1 + 4 * random())
    const first = machine.map((slowness) => factor * slowness * noise(random))
    const second = machine.map((slowness) => slowness * noise(random))
    return finding(ratio(first, second))
  }
  const found = (factor: number, what: string) =>
    Array.from({ length: 100 }, () => trial(factor)).filter((each) => each === what).length
  t.true(found(1, 'no difference shown') >= 90)
  t.true(found(1.2, 'more') >= 95)
  t.true(found(1 / 1.2, 'less') >= 95)
})

test('a difference needs an interval without 1, and enough blocks', (t) => {
  t.is(finding(interval(1.01, 1.2)), 'more')
  t.is(finding(interval(0.8, 0.99)), 'less')
  t.is(finding(interval(0.99, 1.2)), 'no difference shown')
  t.is(finding(interval(1, 1.2)), 'no difference shown')
  t.is(finding(interval(1.5, 1.6, INTERVAL_BLOCKS_MIN - 1)), 'too few blocks')
})

test('a goal is reached or missed when the whole interval is on one side of it', (t) => {
  t.is(reached(interval(0.9, 1.05), 1.05), 'reached')
  t.is(reached(interval(0.9, 1.06), 1.05), 'undecided')
  t.is(reached(interval(1.06, 1.2), 1.05), 'missed')
  t.is(reached(interval(0.5, 0.6, INTERVAL_BLOCKS_MIN - 1), 1.05), 'undecided')
})
