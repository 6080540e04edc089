import test from 'ava'
import fc from 'fast-check'
import {
  counted,
  delayAfterMs,
  forgottenAtMs,
  type Lane,
  NO_FAILURES,
  uncounted,
  waitMs,
} from '../../src/protection/throttle-lane.ts'

const LANE: Lane = {
  freeFailures: 3,
  delayMs: 1_000,
  delayMaxMs: 10_000,
  failuresMax: 9,
  lockMs: 60_000,
  forgetMs: 30_000,
}

for (const [failures, expectedMs] of [
  [0, 0],
  [2, 0],
  [3, 1_000],
  [4, 2_000],
  [6, 8_000],
  [7, 10_000],
  [8, 10_000],
  [9, 60_000],
  [1_000, 60_000],
] as const) {
  test(`after ${failures} failures in a row the next attempt waits ${expectedMs} ms`, (t) => {
    t.is(delayAfterMs(failures, LANE), expectedMs)
    t.is(waitMs({ failures, lastAtMs: 5_000 }, LANE, 5_000), expectedMs)
    t.is(waitMs({ failures, lastAtMs: 5_000 }, LANE, 5_000 + expectedMs), 0)
  })
}

test('an attempt taken back leaves the wait of those before it', (t) => {
  const before = { failures: 4, lastAtMs: 5_000 }
  t.is(waitMs(uncounted(counted(before, LANE, 8_000)), LANE, 8_000), 2_000)
  t.deepEqual(uncounted(NO_FAILURES), NO_FAILURES)
})

test("another node's clock that is ahead makes no wait longer than its own length", (t) => {
  t.is(waitMs({ failures: 4, lastAtMs: 1_000_000 }, LANE, 0), 2_000)
})

test('nothing is forgotten before its wait is over', (t) => {
  for (let failures = 0; failures <= LANE.failuresMax; failures++) {
    const tally = { failures, lastAtMs: 5_000 }
    t.is(waitMs(tally, LANE, forgottenAtMs(tally, LANE)), 0)
    t.true(forgottenAtMs(tally, LANE) >= 5_000 + LANE.forgetMs)
  }
})

const lanes = fc
  .record({
    freeFailures: fc.integer({ min: 0, max: 10 }),
    delayMs: fc.integer({ min: 1, max: 5_000 }),
    moreDelayMs: fc.integer({ min: 0, max: 100_000 }),
    moreFailures: fc.integer({ min: 1, max: 50 }),
    moreLockMs: fc.integer({ min: 0, max: 1_000_000 }),
    forgetMs: fc.integer({ min: 0, max: 1_000_000 }),
  })
  .map(({ freeFailures, delayMs, moreDelayMs, moreFailures, moreLockMs, forgetMs }): Lane => {
    const delayMaxMs = delayMs + moreDelayMs
    return {
      freeFailures,
      delayMs,
      delayMaxMs,
      failuresMax: freeFailures + moreFailures,
      lockMs: delayMaxMs + moreLockMs,
      forgetMs,
    }
  })

test('whenever a guesser tries, no wait is ever longer than the lock, and each failure waits at least as long as the one before', (t) => {
  fc.assert(
    fc.property(lanes, fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 200 }), (lane, pauses) => {
      let tally = NO_FAILURES
      let nowMs = 0
      let longestMs = 0
      for (const pauseMs of pauses) {
        nowMs += pauseMs
        const wait = waitMs(tally, lane, nowMs)
        if (wait > lane.lockMs || wait < 0) return false
        if (wait > 0) continue
        tally = counted(tally, lane, nowMs)
        const nextMs = waitMs(tally, lane, nowMs)
        if (nextMs < longestMs) return false
        longestMs = nextMs
      }
      return tally.failures <= lane.failuresMax
    }),
  )
  t.pass()
})

test('an attempt at the very instant each wait is over gets the failures before the lock, and then one for each lock', (t) => {
  fc.assert(
    fc.property(lanes, fc.integer({ min: 1, max: 20 }), (lane, locks) => {
      let tally = NO_FAILURES
      let nowMs = 0
      let letIn = 0
      for (; tally.failures < lane.failuresMax; letIn++) {
        nowMs += waitMs(tally, lane, nowMs)
        tally = counted(tally, lane, nowMs)
      }
      const lockedAtMs = nowMs
      for (let lock = 0; lock < locks; lock++) {
        nowMs += waitMs(tally, lane, nowMs)
        tally = counted(tally, lane, nowMs)
      }
      return letIn === lane.failuresMax && nowMs === lockedAtMs + locks * lane.lockMs
    }),
  )
  t.pass()
})
