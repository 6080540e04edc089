import test from 'ava'
import { RetryBudget } from '../../src/request/retry-budget.ts'

const LIMITS = { retryPercent: 20, retryPerSMin: 10 }

/** How many retries there are at this instant, spent until none is left. */
function spentAt(budget: RetryBudget, nowMs: number): number {
  let count = 0
  while (budget.left(nowMs)) {
    budget.spend()
    count += 1
  }
  return count
}

function requests(budget: RetryBudget, count: number): void {
  for (let index = 0; index < count; index += 1) budget.request()
}

test('without traffic a few retries are allowed in each second', (t) => {
  const budget = new RetryBudget(LIMITS, 0)
  t.is(spentAt(budget, 0), 10)
  t.is(spentAt(budget, 500), 5)
  t.is(spentAt(budget, 1_500), 10)
  t.is(spentAt(budget, 60_000), 10)
})

test('with traffic the retries are a share of it', (t) => {
  const budget = new RetryBudget(LIMITS, 0)
  requests(budget, 1_000)
  const spent = spentAt(budget, 1_000)
  t.true(spent > 180 && spent <= 210, String(spent))
  t.is(spentAt(budget, 1_000), 0)
})

/** After so many seconds of traffic in which nothing failed. */
function steady(seconds: number): RetryBudget {
  const budget = new RetryBudget(LIMITS, 0)
  for (let second = 1; second <= seconds; second += 1) {
    requests(budget, 300)
    budget.left(second * 1_000)
  }
  return budget
}

test('what was not used is there when a node dies with its requests in flight, and not much longer', (t) => {
  const saved = spentAt(steady(60), 60_000)
  t.true(saved > 500 && saved < 660, `${saved} of what ten seconds bring`)
  t.true(spentAt(steady(5), 5_000) > 200)
  t.is(spentAt(steady(60), 180_000), 10)
})

test('in the long run no more than the share is retried', (t) => {
  const budget = new RetryBudget(LIMITS, 0)
  let spent = 0
  for (let second = 1; second <= 100; second += 1) {
    requests(budget, 300)
    spent += spentAt(budget, second * 1_000)
  }
  t.true(spent <= 100 * (0.2 * 300 + 10), String(spent))
})

test('a burst counts at once', (t) => {
  const budget = new RetryBudget(LIMITS, 0)
  t.is(spentAt(budget, 0), 10)
  requests(budget, 500)
  t.is(spentAt(budget, 0), 100)
})
